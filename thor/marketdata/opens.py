"""Find the prices at an open: the minute samples of that minute, or of the first minute after it.

    the feed ran at the open        the sample of the open's minute: everything before the bell, nothing after it
    no feed ran at the open         the first minute after it of which there are samples: the capture is late
    one of several feeds did not    its instruments have no price: they are not worth a capture that is late for all
    the venue is shut at the open   its last prices stand, up to ten days old
    the feed is behind              nothing yet: it is waited for, and asked again

Everything goes by data time, so it does not matter when one asks, once the feeds have come far enough.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from thor.marketdata import waiting
from thor.marketdata.models import Instrument, VwapSample
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable

#: How far (data time) one feed may be ahead of another before it is not waited for any longer.
GRACE: Final = timedelta(minutes=2)
#: How old the last price of an instrument may be.
REACH: Final = timedelta(days=10)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """The data time of the prices of an open; `silent` are venues that trade and have no price of it."""

    at: datetime
    late: bool = False
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NotYet:
    """The feeds of these venues have not come far enough."""

    venues: tuple[str, ...]


def moment_of(
    venues: Iterable[str], opens_at: datetime, closes_at: datetime, *, patience: timedelta = waiting.PATIENCE
) -> Moment | NotYet:
    """Return the data time whose prices are those of an open, waiting for the feeds for as long as `patience`."""
    wanted = sorted(set(venues))
    trading = [venue for venue in wanted if trades_until(venue, opens_at - _MICROSECOND, opens_at)]
    behind = waiting.wait_for(trading, opens_at, patience)
    if behind and not _left_behind(trading, opens_at):
        return NotYet(tuple(behind))
    marks = [mark for venue in wanted if (mark := waiting.watermark(venue))]
    if marks:
        waiting.flush_until(wanted, min(max(marks), closes_at))
    if not trading:
        return Moment(opens_at)
    return _sampled(trading, opens_at, closes_at)


def samples_at(instruments: Sequence[Instrument], moment: Moment) -> dict[str, VwapSample]:
    """Return the sample of each instrument at a moment, by symbol: of its minute, or else the newest before it."""
    priced = {row.pk: row.symbol for row in instruments if row.venue not in moment.silent}
    found = {
        priced[sample.instrument_id]: sample
        for sample in VwapSample.objects.filter(instrument__in=priced, minute_at=moment.at)
    }
    for key, symbol in priced.items():
        if symbol not in found:
            older = VwapSample.objects.filter(instrument=key, minute_at__lt=moment.at, minute_at__gte=moment.at - REACH)
            newest = older.order_by("-minute_at").first()
            found |= {symbol: newest} if newest else {}
    return found


def trades_until(venue: str, start: datetime, end: datetime) -> datetime | None:
    """Return the end of the last stretch of trading of a venue within [start, end), or None where it does not trade.

    A venue that is no market, or whose calendar cannot be read, is taken to trade.
    """
    try:
        near = sessions_of(venue).around(start, end)
    except (UnknownMarket, CalendarUnavailable):
        return end
    spans = [span for session in near for span in session.trading_spans()]
    return max((min(span.end, end) for span in spans if span.start < end and span.end > start), default=None)


def _left_behind(venues: Sequence[str], at: datetime) -> bool:
    """Say whether one of the feeds is so far beyond `at` that the others are not waited for."""
    marks = [mark for venue in venues if (mark := waiting.watermark(venue))]
    return max(marks, default=at) >= at + GRACE


def _sampled(venues: Sequence[str], opens_at: datetime, closes_at: datetime) -> Moment | NotYet:
    """Return the first minute from the open on that has samples: of every venue, unless one is left behind."""
    first = {venue: _first_minute(venue, opens_at, closes_at) for venue in venues}
    known = [minute for minute in first.values() if minute]
    if not known:
        return NotYet(tuple(venues))
    at = min(known)
    if at > opens_at:
        missing = [venue for venue, minute in first.items() if minute is None]
        if missing and not _left_behind(venues, at):
            return NotYet(tuple(missing))
        at = max(minute for minute in known if minute <= at + GRACE)
    silent = (venue for venue in venues if not _samples(venue).filter(minute_at=at).exists())
    return Moment(at, at > opens_at, frozenset(silent))


def _first_minute(venue: str, start: datetime, end: datetime) -> datetime | None:
    samples = _samples(venue)
    if samples.filter(minute_at=start).exists():
        return start
    within = samples.filter(minute_at__gt=start, minute_at__lt=end).order_by("minute_at")
    return within.values_list("minute_at", flat=True).first()


def _samples(venue: str) -> QuerySet[VwapSample]:
    return VwapSample.objects.filter(instrument__venue=venue)
