"""Ask about market data: bars, instruments, the latest quotes, volume-weighted prices, and how the feeds are."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.db.models import Exists, OuterRef, Q, QuerySet

from thor.connections import redis_client
from thor.marketdata import keys, vwap
from thor.marketdata.models import Bar, Instrument, VwapSample

#: Window of the rolling volume-weighted price.
ROLLING_WINDOW = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How the feed of one venue is.

    `age` is the real time since its last batch, `watermark` the data time up to which it has published, `waiting` the
    number of ticks that intraday has not folded yet.
    """

    venue: str
    source: str
    watermark: datetime
    age: timedelta
    published: int
    waiting: int


def bars(symbol: str, start: datetime, end: datetime) -> QuerySet[Bar]:
    """Return the bars of a symbol that start in [start, end), oldest first."""
    return Bar.objects.filter(instrument__symbol=symbol, start_at__gte=start, start_at__lt=end).order_by("start_at")


def symbols() -> list[str]:
    """Return the symbols that are watched or have bars, in the order in which they are shown."""
    has_bars = Exists(Bar.objects.filter(instrument=OuterRef("pk")))
    return list(Instrument.objects.filter(Q(active=True) | has_bars).values_list("symbol", flat=True))


def samples(symbol: str, start: datetime, end: datetime) -> QuerySet[VwapSample]:
    """Return the minute samples of a symbol in [start, end], oldest first."""
    return VwapSample.objects.filter(instrument__symbol=symbol, minute_at__gte=start, minute_at__lte=end).order_by(
        "minute_at"
    )


def sampled_vwap(symbol: str, start: datetime, end: datetime) -> Decimal | None:
    """Return the volume-weighted price of (start, end] from the minute samples, or None without volume.

    The last sample at or before `start` is the base: its volume is subtracted and its price does not count. A day that
    starts within the window (00:00 UTC) and any other reset start a new base of zero.
    """
    base = VwapSample.objects.filter(instrument__symbol=symbol, minute_at__lte=start).order_by("-minute_at").first()
    within = samples(symbol, start, end).exclude(minute_at=start)
    return vwap.from_samples(_mark(base) if base else None, [_mark(sample) for sample in within])


def rolling_vwap(symbol: str, at: datetime, window: timedelta = ROLLING_WINDOW) -> Decimal | None:
    """Return the volume-weighted price of the window that ends at `at`, or None without volume."""
    return sampled_vwap(symbol, at - window, at) if window > timedelta(0) else None


def session_vwap(symbol: str, start: datetime, end: datetime) -> Decimal | None:
    """Return the volume-weighted price over the bars in [start, end) (every tick counts), or None without volume."""
    rows = bars(symbol, start, end).exclude(vwap=None).values_list("vwap", "volume")
    return vwap.mean(cast("list[tuple[Decimal, Decimal]]", list(rows)))


def latest_quotes() -> dict[str, dict[str, Any]]:
    """Return the latest snapshot of every symbol that a feed has published, by symbol."""
    found = cast("dict[bytes, bytes]", redis_client().hgetall(keys.LATEST_QUOTES))
    return {symbol.decode(): json.loads(text) for symbol, text in sorted(found.items())}


def feed_status() -> list[FeedStatus]:
    """Return how the feed of each venue is; a venue whose feed has never published is left out."""
    venues = Instrument.objects.order_by("venue").values_list("venue", flat=True).distinct()
    return [status for venue in venues if (status := _feed_status(venue))]


def _feed_status(venue: str) -> FeedStatus | None:
    client = redis_client()
    meta = cast("dict[bytes, bytes]", client.hgetall(keys.feed(venue)))
    if not meta:
        return None
    seconds, micros = client.time()
    published = int(meta[b"sequence"])
    folded = int(cast("bytes | None", client.hget(keys.minutes(venue), "sequence")) or 0)
    return FeedStatus(
        venue=venue,
        source=meta[b"source"].decode(),
        watermark=datetime.fromtimestamp(int(meta[b"watermark"]) / 1e9, UTC),
        age=timedelta(seconds=seconds + micros / 1e6 - float(meta[b"published_at"])),
        published=published,
        waiting=max(0, published - folded),
    )


def _mark(sample: VwapSample) -> vwap.Mark:
    return vwap.Mark(sample.minute_at, sample.last_price, sample.cumulative_volume)
