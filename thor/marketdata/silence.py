"""Notice that a feed is silent while its market is open: shown, alerted, and a reason to refuse entries.

What a reader sees of a venue that is open                              silent since
    the watermark stands still for THOR_FEED_SILENCE: the feed process  the watermark
    is dead, frozen, or cut off from Redis
    the watermark moves, and no tick has come for THOR_FEED_SILENCE     the newest tick
    (ten times as long outside the venue's regular hours): the source
    is connected and mute, or away
    ticks come, but none of a symbol of the ribbon or of the captures,  the symbol's newest tick, or the begin of the
    for twenty times THOR_FEED_SILENCE in regular hours                 run where it never had one

Time in which the venue was closed does not count, so a venue that has just opened is given its time. A venue that no
feed has ever published is not silent, it is absent: `silences` leaves it out, and `is_silent` refuses it all the same;
so it does a symbol of which nothing has come yet.

Why other symbols have no limit: a share that nobody trades for an hour is nothing unusual, and an alarm for it would
teach people to ignore the others. Eleven futures and the ribbon trade every few seconds; ten minutes without even a
quote mean that their subscription is lost. Why the limits are longer at night: before seven in the morning whole
minutes pass without a trade in a handful of shares.

Nothing here is stored or counted in advance: every reader computes it from what the publisher wrote, so that a feed
that has died cannot forget to say so. `note_silences` makes incidents of it, and ends them; the feed process calls it,
and so does a job, for a feed process that is dead.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from thor.connections import redis_client
from thor.env import env
from thor.errors import ThorError
from thor.marketdata import incidents, keys
from thor.marketdata.models import FeedIncident, Instrument
from thor.markets.sessions import sessions_of
from thor.timing import Session

#: In whose regular hours a venue is busy; a venue that is not named is as busy at night.
REGULAR_HOURS: Final = {"us_equities": "usa", "globex": "usa"}
#: How much longer a venue may be without ticks outside regular hours, and a watched symbol within them.
AT_NIGHT: Final = 10
OF_A_SYMBOL: Final = 20

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeedSilent:
    """A venue, or one symbol of it, from which nothing has come since `since` (data time) while it is open."""

    venue: str
    since: datetime
    symbol: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Published:
    """What the publisher of a venue wrote last: source, watermark, the newest tick's time, when its run began."""

    source: str
    watermark: datetime
    ticked: datetime
    began: datetime


def silences(at: datetime, venues: Iterable[str] | None = None) -> list[FeedSilent]:
    """Return the venues whose feeds are silent at `at`, and the watched symbols that are, of feeds that are not."""
    found = []
    for venue in _venues() if venues is None else venues:
        published = _published(venue)
        if published is not None:
            silent = _of_venue(venue, published, at)
            found += [silent] if silent else _of_symbols(venue, published, at)
    return found


def is_silent(venue: str, at: datetime, symbol: str = "") -> bool:
    """Say whether no entry should be made on what this venue (or this symbol of it) shows at `at`."""
    published = _published(venue)
    if published is None:
        return True
    if _of_venue(venue, published, at) is not None:
        return True
    if not symbol:
        return False
    return not _newest(venue, [symbol]) or any(one.symbol == symbol for one in _of_symbols(venue, published, at))


def silent_for(at: datetime) -> dict[str, timedelta]:
    """Return how long each venue that has a feed has been silent at `at`: nothing for those that are not."""
    found = {}
    for venue in _venues():
        published = _published(venue)
        if published is not None:
            silent = _of_venue(venue, published, at)
            found[venue] = at - silent.since if silent else timedelta(0)
    return found


def note_silences(at: datetime, venues: Sequence[str] | None = None) -> int:
    """Make an incident of every silence, and end those that are over; return how many there are."""
    found = silences(at, venues)
    for one in found:
        incidents.report(
            one.venue, FeedIncident.Kind.SILENT, one.symbol, at=at, detail=f"since {one.since:%F %T} UTC: {one.reason}"
        )
    silent = {(one.venue, one.symbol) for one in found}
    noted = FeedIncident.objects.filter(kind=FeedIncident.Kind.SILENT, ended_at=None)
    if venues is not None:
        noted = noted.filter(venue__in=venues)
    for venue, symbol in noted.values_list("venue", "symbol"):
        if (venue, symbol) not in silent:
            incidents.end(venue, FeedIncident.Kind.SILENT, symbol, at=at)
    return len(found)


def tick_limit(venue: str, at: datetime) -> timedelta | None:
    """Return how long the venue may be without any tick at `at`, or None while it is closed."""
    if open_since(venue, at) is None:
        return None
    return _limit() * (1 if _is_busy(venue, at) else AT_NIGHT)


def open_since(venue: str, at: datetime) -> datetime | None:
    """Return since when the venue has been open without a break, or None where it is closed or unknown."""
    try:
        table = sessions_of(venue)
    except ThorError:
        return None
    for session in table.around(at, at):
        for span in session.trading_spans():
            if span.contains(at):
                return _LONG_AGO if table.continuous else span.start
    return None


def _of_venue(venue: str, published: _Published, at: datetime) -> FeedSilent | None:
    """Return how a venue is silent; where its watermark moves, that is judged at the watermark, by data time alone."""
    opened = open_since(venue, at)
    if opened is not None and at - max(published.watermark, opened) > _limit() * _pace():
        since = max(published.watermark, opened)
        return FeedSilent(venue, since, reason="the feed publishes nothing; see that run_feed runs and reaches Redis")
    seen = min(at, published.watermark)
    opened, limit = open_since(venue, seen), tick_limit(venue, seen)
    if opened is None or limit is None or seen - max(published.ticked, opened) <= limit:
        return None
    since = max(published.ticked, opened)
    return FeedSilent(venue, since, reason=f"no tick from {published.source} although the venue is open")


def _of_symbols(venue: str, published: _Published, at: datetime) -> list[FeedSilent]:
    opened = open_since(venue, at)
    if opened is None or not _is_busy(venue, at):
        return []
    limit, found = _limit() * OF_A_SYMBOL, []
    watched = _watched(venue)
    newest = _newest(venue, watched)
    # The regular open is not the venue's: from then on a symbol is given its time again.
    begin = max(opened, _busy_since(venue, at))
    for symbol in watched:
        since = max(newest.get(symbol, published.began), begin)
        if at - since > limit + _limit() * (_pace() - 1):
            found.append(FeedSilent(venue, since, symbol, "no tick of it, while other symbols have some"))
    return found


def _is_busy(venue: str, at: datetime) -> bool:
    return venue not in REGULAR_HOURS or _regular(venue, at) is not None


def _busy_since(venue: str, at: datetime) -> datetime:
    session = _regular(venue, at)
    return session.open if session is not None else _LONG_AGO


def _regular(venue: str, at: datetime) -> Session | None:
    """Return the regular session in which `at` lies."""
    try:
        around = sessions_of(REGULAR_HOURS[venue]).around(at, at) if venue in REGULAR_HOURS else ()
    except ThorError:
        return None
    return next((one for one in around if one.open <= at < one.close), None)


def _limit() -> timedelta:
    return timedelta(seconds=env().feed_silence)


def _pace() -> float:
    """Return how many seconds of data pass in one of the wall: the limit is one of the wall for a feed that stands."""
    return max(1.0, env().replay_speed) if env().clock == "replay" else 1.0


def _venues() -> list[str]:
    return list(Instrument.objects.order_by("venue").values_list("venue", flat=True).distinct())


def _published(venue: str) -> _Published | None:
    names = ["source", "watermark", "ticked", "began"]
    source, watermark, ticked, began = cast("list[bytes | None]", redis_client().hmget(keys.feed(venue), names))
    if watermark is None:
        return None
    promised = _instant(watermark)
    newest = promised if ticked is None else _instant(ticked)
    return _Published((source or b"").decode(), promised, newest, _LONG_AGO if began is None else _instant(began))


def _watched(venue: str) -> list[str]:
    rows = Instrument.objects.filter(venue=venue, active=True).exclude(captured=False, ribbon=False)
    return list(rows.values_list("symbol", flat=True))


def _newest(venue: str, symbols: Sequence[str]) -> dict[str, datetime]:
    """Return the time of the newest tick of each of these symbols that has one on this venue."""
    raw = cast("list[bytes | None]", redis_client().hmget(keys.LATEST_QUOTES, symbols)) if symbols else []
    found: dict[str, Any] = {symbol: json.loads(text) for symbol, text in zip(symbols, raw, strict=True) if text}
    return {
        symbol: datetime.fromisoformat(quote["at"])
        for symbol, quote in found.items()
        if quote.get("venue") == venue and quote.get("at")
    }


def _instant(ns: bytes) -> datetime:
    return datetime.fromtimestamp(int(ns) // 1000 / 1e6, UTC)
