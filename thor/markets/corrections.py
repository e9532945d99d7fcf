"""Correct what exchange_calendars says where an exchange says otherwise: facts, each with who published it.

The library is right about nearly everything. What is listed here it does not hold: a holiday of one market, the clock
that another one follows, the halts and shortened days of equity index futures. Corrections are applied while the
columns are built, so nothing else in Thor knows of them; `docs/market-hours.md` lists them for people.

Nothing here imports the library or pandas.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from thor.markets.columns import DAY, LAST_YEAR, Row, local_minutes

Shape = Callable[[Row, ZoneInfo], Row]

#: Minutes from midnight.
NOON: Final = 12 * 60
EVENING: Final = 17 * 60


class Change(NamedTuple):
    """One session that the source has wrong: closed all day, closed early, or one that it does not have.

    `close` counts minutes from local midnight, None where the market was closed all day. `open` is given only for a
    session that the source lacks, negative on the eve.
    """

    date: date
    close: int | None
    source: str
    open: int | None = None


class Era(NamedTuple):
    """The hours of Globex equity index futures from a trade date on, in minutes from midnight in Chicago.

    `holiday` is the close on American holidays on which New York is shut and Globex is not; `halt` is the pause inside
    the session, (0, 0) where there is none.
    """

    since: date
    close: int
    holiday: int
    halt: tuple[int, int]


NEW_YORK: Final = ZoneInfo("America/New_York")
CME_CALENDAR: Final = "CME Group holiday calendar, equity index products"
CME_MOURNING: Final = "CME Group press release on the national day of mourning"
CNBV_LIST: Final = "CNBV list of days on which financial institutions are closed, 2024"
BSE_NOTICE: Final = "BSE notice of a special trading day: the Union Budget, or for a holiday on a weekday"

#: 2012-11-19 and 2015-09-21: CME Group notices on the end of the trading day; 2014-05-26: CME Group holiday calendar of
#: Memorial Day 2014; 2021-06-28: CME Globex notice of 2021-06-21, "elimination of the market pause".
ERAS: Final = (
    Era(date(2012, 11, 19), 16 * 60 + 15, 10 * 60 + 30, (15 * 60 + 15, 15 * 60 + 30)),
    Era(date(2014, 5, 26), 16 * 60 + 15, NOON, (15 * 60 + 15, 15 * 60 + 30)),
    Era(date(2015, 9, 21), 16 * 60, NOON, (15 * 60 + 15, 15 * 60 + 30)),
    Era(date(2021, 6, 28), 16 * 60, NOON, (0, 0)),
)
#: On the half days of New York the futures close a quarter of an hour after the stocks.
HALF_DAY: Final = NOON + 15

#: Good Fridays on which the American employment report came out: a session of the night and the morning.
REPORT_FRIDAYS: Final = (date(2015, 4, 3), date(2021, 4, 2), date(2023, 4, 7), date(2026, 4, 3))
#: National days of mourning: the night is traded, then the futures stop where New York would have opened.
DAYS_OF_MOURNING: Final = (date(2018, 12, 5), date(2025, 1, 9))

#: Saturdays, and the Sunday of 2026, with a session of the usual hours: budget days but for the one in January 2024.
SPECIAL_SESSIONS_OF_BOMBAY: Final = (
    date(2015, 2, 28),
    date(2020, 2, 1),
    date(2024, 1, 20),
    date(2025, 2, 1),
    date(2026, 2, 1),
)
#: The first year for which it was looked up that Mexico City keeps New York's clock.
MEXICO_FOLLOWS_SINCE: Final = date(2015, 1, 1).toordinal()


def observed_juneteenth(year: int) -> date:
    """Return the day on which Juneteenth is kept: the Friday before a Saturday, the Monday after a Sunday."""
    day = date(year, 6, 19)
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "CMES": tuple(Change(observed_juneteenth(year), NOON, CME_CALENDAR) for year in range(2022, LAST_YEAR + 1)),
    "CMES-GLOBEX": (
        *(Change(day, 8 * 60 + 15, CME_CALENDAR, EVENING - DAY) for day in REPORT_FRIDAYS),
        *(Change(day, 8 * 60 + 30, CME_MOURNING, EVENING - DAY) for day in DAYS_OF_MOURNING),
    ),
    "XMEX": (Change(date(2024, 10, 1), None, CNBV_LIST),),
    "XBOM": tuple(Change(day, 15 * 60 + 30, BSE_NOTICE, 9 * 60 + 15) for day in SPECIAL_SESSIONS_OF_BOMBAY),
}


def without_halt(row: Row, zone: ZoneInfo) -> Row:
    """Return the session of Globex equity index futures: without the daily halt, which is open in the library.

    Before the first era the evening halt from 16:00 is taken out and nothing else is known to be right.
    """
    era = next((era for era in reversed(ERAS) if row.date >= era.since.toordinal()), None)
    if era is None:
        return row._replace(close=min(row.close, local_minutes(row.date, 16 * 60, zone)))
    noon, *halt = (local_minutes(row.date, minute, zone) for minute in (NOON, *era.halt))
    closed = local_minutes(row.date, _globex_close(date.fromordinal(row.date), row.close == noon, era), zone)
    if row.close != noon:
        # Noon is the library's word for all short days; any other close was meant as it is.
        closed = min(closed, row.close)
    inside = row.open < halt[0] < halt[1] < closed
    return Row(row.date, row.open, closed, *(halt if inside else (0, 0)))


def new_york_hours(row: Row, _zone: ZoneInfo) -> Row:
    """Return the Mexican session at New York's hours, 09:30 to 16:00 there, which it moves with.

    The exchange opens at 07:30 in Mexico City while only the United States have daylight saving time, which since
    Mexico gave it up in October 2022 is from March to November, and was a few weeks of each year before.
    """
    if row.date < MEXICO_FOLLOWS_SINCE:
        return row
    return Row(row.date, *(local_minutes(row.date, minute, NEW_YORK) for minute in (9 * 60 + 30, 16 * 60)))


#: Calendars whose every session has other hours than the library says; source: announcements of the Bolsa Mexicana de
#: Valores at each change of the American clocks.
SHAPES: Final[dict[str, Shape]] = {"XMEX": new_york_hours}
#: Calendars whose usual hours are those of another zone than their own; provisional sessions follow it.
CLOCKS: Final = {"XMEX": NEW_YORK.key}


def corrected(calendar: str, rows: Iterable[Row], zone: ZoneInfo) -> Iterator[Row]:
    """Return the sessions of a calendar with its corrections, in order."""
    shape = SHAPES.get(calendar)
    by_date = {row.date: shape(row, zone) if shape else row for row in rows}
    last = max(by_date, default=0)
    for change in CHANGES.get(calendar, ()):
        if change.date.toordinal() <= last:
            _apply(change, by_date, zone)
    return (by_date[day] for day in sorted(by_date))


def _apply(change: Change, by_date: dict[int, Row], zone: ZoneInfo) -> None:
    day = change.date.toordinal()
    if change.close is None:
        by_date.pop(day, None)
        return
    close = local_minutes(day, change.close, zone)
    if day in by_date:
        by_date[day] = by_date[day]._replace(close=min(close, by_date[day].close))
    elif change.open is not None:
        by_date[day] = Row(day, local_minutes(day, change.open, zone), close)


def _globex_close(day: date, shortened: bool, era: Era) -> int:
    if _is_half_day_of_new_york(day):
        return HALF_DAY
    return era.holiday if shortened else era.close


def _is_half_day_of_new_york(day: date) -> bool:
    if day.month == 7:
        # A Friday the 3rd is the holiday itself, kept early.
        return day.day == 3 and day.weekday() < 4
    after_thanksgiving = day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29
    return after_thanksgiving or (day.month, day.day) == (12, 24)
