"""Say when the 24-hour session of a date runs, and what it did.

It goes from the open of Tokyo to the close of New York on the same date, and every calendar date has one: where Tokyo
is closed it begins at 09:00 in Tokyo all the same, where New York is closed it ends at 16:00 in New York. Late opens,
half days and overrides move it with their market. From New York's close to Tokyo's open no session runs.

    date      Tokyo opens        New York closes
    Wed       00:00 UTC          20:00 UTC (21:00 in winter)
    Fri       00:00 UTC          18:00 UTC, the day after Thanksgiving
    Sat       00:00 UTC          20:00 UTC: for what trades around the clock
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Q, Subquery

from thor.marketdata import spans
from thor.marketdata.adjust import adjusted, divisor
from thor.marketdata.closes import REACH, previous_closes, splits_of
from thor.marketdata.models import Bar, Instrument, Split, TwentyFourHour
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable
from thor.timing.session import Session

OPENS: Final = ("japan", ZoneInfo("Asia/Tokyo"), time(9))
CLOSES: Final = ("usa", ZoneInfo("America/New_York"), time(16))
_INSTANT: Final = timedelta(microseconds=1)
_PLACES: Final = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Day:
    """The 24-hour session [start, end) of one date."""

    date: date
    start: datetime
    end: datetime


def day_on(day: date) -> Day:
    """Return the 24-hour session of a date."""
    opens, closes = _session(OPENS[0], day), _session(CLOSES[0], day)
    start = opens.open if opens else datetime.combine(day, OPENS[2], OPENS[1]).astimezone(UTC)
    end = closes.close if closes else datetime.combine(day, CLOSES[2], CLOSES[1]).astimezone(UTC)
    return Day(day, start, end)


def day_at(at: datetime) -> Day | None:
    """Return the 24-hour session that runs at `at`, or None between New York's close and Tokyo's open."""
    today = at.astimezone(UTC).date()
    near = (day_on(today + timedelta(days=offset)) for offset in (-1, 0, 1))
    return next((day for day in near if day.start <= at < day.end), None)


def ended(at: datetime, within: timedelta = REACH) -> list[Day]:
    """Return the 24-hour sessions that ended at or before `at`, not longer ago than `within`, oldest first."""
    today = at.astimezone(UTC).date()
    near = (day_on(today - timedelta(days=age)) for age in range(within.days, -1, -1))
    return [day for day in near if at - within < day.end <= at]


def figures(
    instruments: Sequence[Instrument], day: Day, until: datetime | None = None, memory: spans.Memory | None = None
) -> dict[str, spans.Figures]:
    """Return what each instrument has done in the session, or in the part of it before `until`, by symbol.

    Everything is in the shares of the session's date: what was traded before the venue's session of a split's date, in
    old shares, is brought into new ones.
    """
    end = day.end if until is None else min(day.end, until)
    if day.start >= end:
        return {}
    found = spans.figures(instruments, day.start, end, memory)
    ratios = _splits_on(day.date) if found else {}
    for row in (row for row in instruments if row.pk in ratios and row.symbol in found):
        found[row.symbol] = _over_a_split(row, ratios[row.pk], day, end)
    return found


def closes_before(instruments: Sequence[Instrument], day: Day) -> dict[str, Decimal]:
    """Return the close before the session of each instrument, by symbol, in the shares of its date.

    It is the last price of the newest 24-hour session before in which it traded, not more than ten days ago: that of
    its row if it is frozen, else that of its bars, so that it does not matter whether anybody has frozen it yet. Else
    it is the previous close of the venue's session in which this one ends.
    """
    of = {row.pk: row.symbol for row in instruments}
    newest = _frozen(of, day)
    newest |= _not_frozen(instruments, newest, day)
    splits: Mapping[int, list[tuple[date, Decimal]]] = splits_of(newest, day.date)
    found = {of[key]: adjusted(last, divisor(splits[key], on, day.date)) for key, (on, last) in newest.items()}
    missing = [row for row in instruments if row.symbol not in found]
    return {**previous_closes(missing, day.end - _INSTANT), **found} if missing else found


def _frozen(instruments: Iterable[int], day: Day) -> dict[int, tuple[date, Decimal]]:
    """Return date and last price of each instrument's newest frozen row before the session, by key."""
    rows = TwentyFourHour.objects.filter(
        instrument__in=instruments, finalized=True, session_date__lt=day.date, session_date__gte=day.date - REACH
    ).order_by("session_date")
    return {key: (on, last) for key, on, last in rows.values_list("instrument_id", "session_date", "last")}


def _not_frozen(
    instruments: Sequence[Instrument], frozen: Mapping[int, tuple[date, Decimal]], day: Day
) -> dict[int, tuple[date, Decimal]]:
    """Return date and last price of the newest session before in which an instrument traded, if it is not frozen."""
    before = [day_on(day.date - timedelta(days=age)) for age in range(1, REACH.days + 1)]
    nothing = (date.min, Decimal(0))
    left = {row.pk: row for row in instruments if frozen.get(row.pk, nothing)[0] < before[0].date}
    traded: dict[Day, list[Instrument]] = defaultdict(list)
    for key, at in _last_bars(left, before) if left else ():
        session = next(one for one in before if one.start <= at < one.end)
        if session.date > frozen.get(key, nothing)[0]:
            traded[session].append(left[key])
    return {
        row.pk: (session.date, done[row.symbol].close)
        for session, rows in traded.items()
        for done in [figures(rows, session)]
        for row in rows
    }


def _last_bars(instruments: Iterable[int], sessions: Sequence[Day]) -> list[tuple[int, datetime]]:
    """Return the start of each instrument's newest bar within sessions (newest first), by key."""
    within = Q()
    for one in sessions:
        within |= Q(start_at__gte=one.start, start_at__lt=one.end)
    # One step into the index of bars an instrument, however many bars there are.
    bars = Bar.objects.filter(
        within, instrument=OuterRef("pk"), start_at__gte=sessions[-1].start, start_at__lt=sessions[0].end
    )
    newest = Subquery(bars.order_by("-start_at").values("start_at")[:1])
    found = Instrument.objects.filter(pk__in=instruments).annotate(minute=newest).order_by()
    return [(key, at) for key, at in found.values_list("pk", "minute") if at is not None]


def _splits_on(day: date) -> dict[int, Decimal]:
    """Return the ratio of each instrument that has a split on the date, by key."""
    found: dict[int, Decimal] = {}
    for key, ratio in Split.objects.filter(date=day).values_list("instrument_id", "ratio"):
        found[key] = found.get(key, Decimal(1)) * ratio
    return found


def _over_a_split(instrument: Instrument, ratio: Decimal, day: Day, end: datetime) -> spans.Figures:
    """Return the figures up to `end` of an instrument that trades in new shares from its session of the date on."""
    venue = _session(instrument.venue, day.date)
    cut = min(max(venue.open if venue else day.start, day.start), end)
    stretches = ((day.start, cut), (cut, end))
    old, new = (
        spans.figures([instrument], *one).get(instrument.symbol) if one[0] < one[1] else None for one in stretches
    )
    return spans.joined([part for part in (old and _in_new_shares(old, ratio), new) if part])


def _in_new_shares(old: spans.Figures, ratio: Decimal) -> spans.Figures:
    opened, high, low, close = (adjusted(price, ratio) for price in (old.open, old.high, old.low, old.close))
    volume = (old.volume * ratio).quantize(_PLACES)
    return spans.Figures(opened, high, low, close, volume, old.first_at, old.last_at)


def _session(market: str, day: date) -> Session | None:
    try:
        return sessions_of(market).on(day)
    except (UnknownMarket, CalendarUnavailable):
        return None
