"""Say when the 24-hour session of a date runs, and what it did.

It goes from the open of Tokyo to the close of New York on the same date, and every calendar date has one: where Tokyo
is closed it begins at 09:00 in Tokyo all the same, where New York is closed it ends at 16:00 in New York. Late opens,
half days and overrides move it with their market. From New York's close to Tokyo's open no session runs.

    date      Tokyo opens        New York closes
    Wed       00:00 UTC          20:00 UTC (21:00 in winter)
    Fri       00:00 UTC          18:00 UTC, the day after Thanksgiving
    Sat       00:00 UTC          20:00 UTC: for what trades around the clock
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from thor.marketdata import spans
from thor.marketdata.adjust import adjusted, divisor
from thor.marketdata.closes import REACH, previous_closes, splits_of
from thor.marketdata.models import Instrument, TwentyFourHour
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable
from thor.timing.session import Session

OPENS: Final = ("japan", ZoneInfo("Asia/Tokyo"), time(9))
CLOSES: Final = ("usa", ZoneInfo("America/New_York"), time(16))
_INSTANT: Final = timedelta(microseconds=1)


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


def figures(instruments: Sequence[Instrument], day: Day, until: datetime | None = None) -> dict[str, spans.Figures]:
    """Return what each instrument has done in the session, or in the part of it before `until`, by symbol."""
    end = day.end if until is None else min(day.end, until)
    return spans.figures(instruments, day.start, end) if day.start < end else {}


def closes_before(instruments: Sequence[Instrument], day: Day) -> dict[str, Decimal]:
    """Return the close before the session of each instrument, by symbol, in the shares of its date.

    It is the last price of the 24-hour session before that is finalized, not more than ten days ago, or else the
    previous close of the venue's session in which this one ends.
    """
    of = {row.pk: row.symbol for row in instruments}
    rows = TwentyFourHour.objects.filter(
        instrument__in=of, finalized=True, session_date__lt=day.date, session_date__gte=day.date - REACH
    ).order_by("session_date")
    newest = {key: (on, last) for key, on, last in rows.values_list("instrument_id", "session_date", "last")}
    splits: Mapping[int, list[tuple[date, Decimal]]] = splits_of(newest, day.date)
    found = {of[key]: adjusted(last, divisor(splits[key], on, day.date)) for key, (on, last) in newest.items()}
    missing = [row for row in instruments if row.symbol not in found]
    return {**previous_closes(missing, day.end - _INSTANT), **found} if missing else found


def _session(market: str, day: date) -> Session | None:
    try:
        return sessions_of(market).on(day)
    except (UnknownMarket, CalendarUnavailable):
        return None
