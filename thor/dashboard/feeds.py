"""Join how feeds are with how their venues are: who is silent, since when, and what is wrong."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from django.db.models import Count

from thor.dashboard.now import Now
from thor.marketdata import selectors
from thor.marketdata.models import FeedIncident
from thor.marketdata.silence import silences
from thor.markets.models import Market
from thor.markets.selectors import MarketStatus, status_board

#: A feed that publishes nothing for this long, by the wall and while its venue is open, is shown as silent.
SILENT_AFTER: Final = timedelta(seconds=10)
#: More open incidents than these are only counted.
MOST_INCIDENTS: Final = 60

Standing = Literal["live", "silent", "resting", "absent"]


@dataclass(frozen=True, slots=True)
class FeedRow:
    """Join a feed's status with its market's zone and whether its silence is worth a warning."""

    status: selectors.FeedStatus
    zone: str
    name: str
    silent: bool


@dataclass(slots=True)
class Troubles:
    """The troubles of one venue that are not over: the latest, how many, and since when it is noted as silent."""

    latest: list[FeedIncident] = field(default_factory=list)
    number: int = 0
    noted_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class VenueFeed:
    """What is known of the feed of one venue; `feed` is None where it has never published.

    `silent_since` is the data time since which nothing came, as the feed's own position shows it or an incident says.
    """

    venue: str
    name: str
    zone: str
    status: Standing
    feed: FeedRow | None
    troubles: Troubles
    silent_since: datetime | None = None


def feed_rows(markets: Mapping[str, MarketStatus]) -> list[FeedRow]:
    """Return the feeds that have published; raise redis.RedisError while Redis is away."""
    return [feed_row(status, markets) for status in selectors.feed_status()]


def feed_row(status: selectors.FeedStatus, markets: Mapping[str, MarketStatus]) -> FeedRow:
    """Join one feed with its market; one without a market may never be silent."""
    market = markets.get(status.venue)
    silent = status.age > SILENT_AFTER and (market is None or market.is_open)
    return FeedRow(status, market.zone if market else "UTC", market.name if market else status.venue, silent)


def venue_feeds(now: Now) -> list[VenueFeed]:
    """Return the feed of every active venue and of every other that has published, in the order of markets."""
    markets = {status.key: status for status in status_board(now.at)}
    feeds = {feed.status.venue: feed for feed in feed_rows(markets)}
    venues = [one.key for one in markets.values() if one.role == Market.Role.VENUE and one.active]
    troubles = troubles_by_venue()
    silent = {one.venue: one.since for one in silences(now.at) if not one.symbol}
    keys = [*venues, *(venue for venue in feeds if venue not in venues)]
    return [_joined(key, markets, feeds.get(key), troubles.get(key, Troubles()), silent.get(key)) for key in keys]


def troubles_by_venue() -> dict[str, Troubles]:
    """Return the troubles that are not over by venue: the latest, how many, and since when it is noted as silent."""
    unsettled = selectors.open_incidents()
    found: dict[str, Troubles] = defaultdict(Troubles)
    for venue, number in unsettled.order_by().values_list("venue").annotate(Count("pk")):
        found[venue].number = number
    for row in unsettled[:MOST_INCIDENTS]:
        found[row.venue].latest.append(row)
    for row in unsettled.filter(kind=FeedIncident.Kind.SILENT, symbol=""):
        found[row.venue].noted_since = row.first_at
    return found


def _joined(
    key: str,
    markets: Mapping[str, MarketStatus],
    feed: FeedRow | None,
    troubles: Troubles,
    silent_since: datetime | None,
) -> VenueFeed:
    market, since = markets.get(key), silent_since or troubles.noted_since
    return VenueFeed(
        venue=key,
        name=market.name if market else key,
        zone=market.zone if market else "UTC",
        status=_standing(feed, since),
        feed=feed,
        troubles=troubles,
        silent_since=since,
    )


def _standing(feed: FeedRow | None, silent_since: datetime | None) -> Standing:
    if feed is None:
        return "absent"
    if feed.silent or silent_since is not None:
        return "silent"
    return "resting" if feed.status.age > SILENT_AFTER else "live"
