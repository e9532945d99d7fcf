"""Ask how the feeds are, and what is wrong with them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from django.db.models import QuerySet

from thor.connections import redis_client
from thor.marketdata import keys
from thor.marketdata.models import FeedIncident, Instrument


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How the feed of one venue is.

    `age` is the real time since its last batch, `watermark` the data time up to which it has published, `waiting` the
    number of ticks that intraday has not folded yet. `ticked` is the data time of the newest tick, or of the begin of
    the feed's run before the first.
    """

    venue: str
    source: str
    watermark: datetime
    age: timedelta
    published: int
    waiting: int
    ticked: datetime | None = None


def feed_status() -> list[FeedStatus]:
    """Return how the feed of each venue is; a venue whose feed has never published is left out."""
    venues = Instrument.objects.order_by("venue").values_list("venue", flat=True).distinct()
    return [status for venue in venues if (status := _feed_status(venue))]


def open_incidents() -> QuerySet[FeedIncident]:
    """Return the troubles that are not over, the latest first."""
    return FeedIncident.objects.filter(ended_at__isnull=True).order_by("-last_at", "-pk")


def _feed_status(venue: str) -> FeedStatus | None:
    client = redis_client()
    meta = cast("dict[bytes, bytes]", client.hgetall(keys.feed(venue)))
    if b"published_at" not in meta:
        return None  # a publisher writes all of it in one step
    seconds, micros = client.time()
    published = int(meta[b"sequence"])
    folded = int(cast("bytes | None", client.hget(keys.minutes(venue), "sequence")) or 0)
    return FeedStatus(
        venue=venue,
        source=meta[b"source"].decode(),
        watermark=_instant(meta[b"watermark"]),
        age=timedelta(seconds=seconds + micros / 1e6 - float(meta[b"published_at"])),
        published=published,
        waiting=max(0, published - folded),
        ticked=_instant(meta[b"ticked"]) if b"ticked" in meta else None,
    )


def _instant(ns: bytes) -> datetime:
    return datetime.fromtimestamp(int(ns) / 1e9, UTC)
