"""Name the calendars, and read them out of exchange_calendars, with Thor's corrections.

Three of Thor's markets have no calendar of their own in the library and are derived from one that has. A
derived calendar is the source's name and a suffix, so that everybody sees where its holidays and half days
come from.

This module imports exchange_calendars (and pandas) only inside `read_calendar`, which runs in a process of
its own.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from thor.markets.columns import Columns, Row, columns_of, local_minutes
from thor.markets.corrections import CLOCKS, Shape, corrected, without_halt

#: Where the tables begin; recordings and known answers begin here too.
FIRST_DATE: Final = date(1990, 1, 1)
#: Whole years after the current one for which the rules of the library are asked.
YEARS_AHEAD: Final = 2


def hour_before(row: Row, zone: ZoneInfo) -> Row:
    """Return the session from 08:30 to the New York open, when the American day is already being priced."""
    return Row(row.date, local_minutes(row.date, 8 * 60 + 30, zone), row.open)


def extended_day(row: Row, zone: ZoneInfo) -> Row:
    """Return the session from 04:00 to four hours after the close, which on a half day is early as well."""
    return Row(row.date, local_minutes(row.date, 4 * 60, zone), row.close + 4 * 60)


@dataclass(frozen=True, slots=True)
class Derived:
    """A calendar that takes the days of another one and gives each session other hours."""

    source: str
    shape: Shape


DERIVED: Final = {
    "XNYS-PRE": Derived("XNYS", hour_before),
    "XNYS-EXTENDED": Derived("XNYS", extended_day),
    "CMES-GLOBEX": Derived("CMES", without_halt),
}


def read_calendar(calendar: str, this_year: int) -> Columns:
    """Return the sessions of a calendar from 1990, or its first date, to its horizon.

    Raises `LookupError` for a name that nobody knows.
    """
    derived = DERIVED.get(calendar)
    name = derived.source if derived else calendar
    source = _library_calendar(name, this_year)
    zone = ZoneInfo(str(source.tz))
    rows = corrected(name, _rows(source), zone)
    if derived:
        rows = corrected(calendar, (derived.shape(row, zone) for row in rows), zone)
    return columns_of(rows, CLOCKS.get(calendar, zone.key), _last_date(source, this_year))


@functools.cache  # three calendars of the box are New York
def _library_calendar(name: str, this_year: int) -> Any:
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    start, end = FIRST_DATE.isoformat(), date(this_year + YEARS_AHEAD, 12, 31).isoformat()
    try:
        return exchange_calendars.get_calendar(name, start=start, end=end)
    except InvalidCalendarName:
        raise LookupError(f"{name!r} is a calendar neither of exchange_calendars nor of Thor.") from None
    except ValueError:
        # It is not recorded that far; which bound was passed is known by its class alone.
        return _within_bounds(type(exchange_calendars.get_calendar(name)), this_year)


def _within_bounds(factory: Any, this_year: int) -> Any:
    import exchange_calendars

    first, last = factory.bound_min(), _last_date(factory, this_year)
    start = max(first.date(), FIRST_DATE) if first is not None else FIRST_DATE
    return exchange_calendars.get_calendar(factory.name, start=start.isoformat(), end=last.isoformat())


def _last_date(calendar: Any, this_year: int) -> date:
    wanted = date(this_year + YEARS_AHEAD, 12, 31)
    bound = calendar.bound_max()
    return wanted if bound is None else min(wanted, bound.date())


def _rows(calendar: Any) -> Iterator[Row]:
    table = calendar.schedule
    days = (day.toordinal() for day in table.index.date)
    columns = (_minutes(table[name]) for name in ("open", "close", "break_start", "break_end"))
    for day, opened, closed, start, end in zip(days, *columns, strict=True):
        yield Row(day, opened, closed, start, end)


def _minutes(column: Any) -> list[int]:
    # Not-a-time is the least number there is; 0 stands for "no break".
    seconds = column.astype("datetime64[s, UTC]").astype("int64").clip(lower=0)
    minutes: list[int] = (seconds // 60).tolist()
    return minutes
