"""Change single sessions of a calendar by what an operator knows of them: closures, early closes, late opens.

Pure: columns and overrides go in, columns come out. A derived calendar follows its source: the source's session is
changed first, then shaped as the calendar itself would have been. An override that makes no session (it closes before
it opens, or runs into the next session) is refused, and the calendar's hours stand. Whether it runs into the next one
is judged with all of them in place: a later close may need the next date's later open.
"""

import dataclasses
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from thor.errors import ThorError
from thor.markets.calendars import Derived
from thor.markets.columns import DAY, LAST_YEAR, Columns, Row, columns_of, local_minutes


class VoidOverride(ThorError):
    """An override makes no session that a market could have."""


class _Overlap(VoidOverride):
    """The session of one date runs into that of another."""

    def __init__(self, day: date, other: date) -> None:
        super().__init__(f"The hours on {day} run into the session of {other}: cut them.")
        self.day, self.other = day, other


@dataclass(frozen=True, slots=True)
class DayOverride:
    """What somebody said of one date of one market: closed, or another open, another close, or both.

    Times are of `zone`, the market's own. `source` says where it was written: the admin, or a line of the file.
    """

    date: date
    closed: bool = False
    open: time | None = None
    close: time | None = None
    reason: str = ""
    zone: str = "UTC"
    source: str = "admin"

    @property
    def hours(self) -> str:
        """Say it in two or three words: closed, opens 10:30, closes 13:00."""
        if self.closed:
            return "closed"
        words = [f"opens {self.open:%H:%M}" if self.open else "", f"closes {self.close:%H:%M}" if self.close else ""]
        return ", ".join(word for word in words if word)


#: The field to change, and a sentence.
Fault = tuple[str, str]
#: No calendar reaches further back.
FIRST_YEAR: Final = 1990
LONGEST_REASON: Final = 200
#: The columns that hold a session's numbers, in the order of `Row`.
ROW_COLUMNS: Final = ("dates", "opens", "closes", "break_starts", "break_ends")


def fault(override: DayOverride) -> Fault | None:
    """Return what is wrong with an override, whatever the calendar: the field to change and why; None if nothing."""
    hours = (override.open, override.close)
    if override.closed and any(one is not None for one in hours):
        return "closed", "A date that is closed has no hours: leave open and close empty, or do not say closed."
    if not override.closed and hours == (None, None):
        return "closed", "Say that the date is closed, or give another open or close."
    for field, one in zip(("open", "close"), hours, strict=True):
        if one is not None and (one.second or one.microsecond):
            return field, f"{one} is no whole minute: write {one:%H:%M}."
    if not override.reason.strip():
        return "reason", "Give the reason: whoever reads it later has nothing else to judge it by."
    if len(override.reason) > LONGEST_REASON:
        return "reason", f"Cut the reason to {LONGEST_REASON} characters: pages show it whole."
    if not FIRST_YEAR <= override.date.year <= LAST_YEAR:
        return "date", f"{override.date} is out of range: calendars reach from {FIRST_YEAR} to {LAST_YEAR}."
    return None


#: The sessions of overridden dates, in order; None where a date has none.
_Rows = dict[date, Row | None]
#: Columns in which overrides hold, and of each that makes no session its date and a sentence.
Outcome = tuple[Columns, dict[date, str]]


def overridden(columns: Columns, overrides: Iterable[DayOverride]) -> Outcome:
    """Return columns in which the overrides hold, as long as they reach beyond the last of the dates."""
    return _applied(columns, overrides, under)


def followed(columns: Columns, source: Columns, derived: Derived, overrides: Iterable[DayOverride]) -> Outcome:
    """Return the columns of a derived calendar after overrides of its source, which both reach beyond the last date."""

    def shaped(override: DayOverride, _: Columns) -> Row | None:
        row = under(override, source)
        return _shaped(row, source, derived) if row else None

    return _applied(columns, overrides, shaped)


def _applied(
    columns: Columns, overrides: Iterable[DayOverride], session: Callable[[DayOverride, Columns], Row | None]
) -> Outcome:
    rows: _Rows = {}
    voids: dict[date, str] = {}
    for override in sorted(overrides, key=lambda one: one.date):
        try:
            rows[override.date] = session(override, columns)
        except VoidOverride as error:
            voids[override.date] = str(error)
    while True:
        try:
            return _all_spliced(columns, rows), voids
        except _Overlap as error:
            day = _to_blame(columns, rows, error)
            voids[day] = str(_Overlap(day, error.other if day == error.day else error.day))
            del rows[day]


def _all_spliced(columns: Columns, rows: _Rows) -> Columns:
    """Return columns with these sessions on their dates; raise `_Overlap` with the first date that does not fit."""
    for day in rows:
        columns = _spliced(columns, day, None)
    for day, row in rows.items():
        columns = _spliced(columns, day, row)
    return columns


def _to_blame(columns: Columns, rows: _Rows, overlap: _Overlap) -> date:
    """Return which of two overridden dates is void: the one that could not stand alone either, or else the later."""
    if overlap.other not in rows:
        return overlap.day
    try:
        _all_spliced(columns, {overlap.other: rows[overlap.other]})
    except _Overlap:
        return overlap.other
    return overlap.day


def under(override: DayOverride, columns: Columns) -> Row | None:
    """Return the session of a date as it is under an override, None where it has none; raise `VoidOverride`."""
    day, row = override.date, _row_on(columns, override.date)
    if not columns.dates or day.toordinal() < columns.dates[0]:
        raise VoidOverride(f"{day} lies before the first session of the calendar, so nothing can be changed on it.")
    if override.closed:
        return None
    if row is None and (override.open is None or override.close is None):
        raise VoidOverride(f"{day} has no session by the calendar: give both open and close, or remove the override.")
    closed = row.close if row and override.close is None else _instant(override, override.close)
    opened = row.open if row and override.open is None else _opening(override, closed, columns)
    if opened >= closed:
        raise VoidOverride(f"On {day} the close would not come after the open: change one of the two times.")
    return _with_break(Row(day.toordinal(), opened, closed), row)


def _opening(override: DayOverride, closed: int, columns: Columns) -> int:
    opened = _instant(override, override.open)
    # A market that opens on the eve means the eve by a time of day that its close has already passed.
    on_eve = opened >= closed and any(hours.open < 0 for hours in columns.weekly.values())
    return _instant(override, override.open, days=-1) if on_eve else opened


def _instant(override: DayOverride, at: time | None, days: int = 0) -> int:
    at = at or time()
    return local_minutes(override.date.toordinal(), at.hour * 60 + at.minute + days * DAY, ZoneInfo(override.zone))


def _with_break(row: Row, usual: Row | None) -> Row:
    """Keep of the usual break what lies inside the session: an early close drops or cuts it."""
    if usual is None or not usual.break_end:
        return row
    start, end = max(usual.break_start, row.open), min(usual.break_end, row.close)
    return row._replace(break_start=start, break_end=end) if start < end else row


def _shaped(row: Row, source: Columns, derived: Derived) -> Row | None:
    """Return the derived session; one that usually lies inside its source's session stays inside it."""
    zone = ZoneInfo(source.zone)
    usual, shaped = _row_at(source, len(source) - 1), derived.shape(row, zone)
    model = derived.shape(usual, zone)
    if usual.open <= model.open and model.close <= usual.close:
        kept = shaped._replace(open=max(shaped.open, row.open), close=min(shaped.close, row.close))
        shaped = _with_break(kept._replace(break_start=0, break_end=0), shaped)
    return shaped if shaped.open < shaped.close else None


def _row_on(columns: Columns, day: date) -> Row | None:
    index = bisect_left(columns.dates, day.toordinal())
    found = index < len(columns) and columns.dates[index] == day.toordinal()
    return _row_at(columns, index) if found else None


def _row_at(columns: Columns, index: int) -> Row:
    pause = (columns.break_starts[index], columns.break_ends[index]) if columns.break_starts else ()
    return Row(columns.dates[index], columns.opens[index], columns.closes[index], *pause)


def _spliced(columns: Columns, day: date, row: Row | None) -> Columns:
    """Return columns with this session on its date, or with none; what lies around it is copied as it is."""
    low, high = bisect_left(columns.dates, day.toordinal()), bisect_right(columns.dates, day.toordinal())
    before = [_row_at(columns, low - 1)] if low else []
    behind = [_row_at(columns, high)] if high < len(columns) else []
    new = [row] if row else []
    _refuse_overlap([*before, *new, *behind], day)
    found: dict[str, Any] = {"edges": _edges(columns, before, new, behind)}
    for place, name in enumerate(ROW_COLUMNS):
        column = getattr(columns, name)
        # Where no session has a break, the columns of breaks are empty, and an override brings none.
        found[name] = column[:low] + array("i", [one[place] for one in new]) + column[high:] if column else column
    return dataclasses.replace(columns, **found)


def _refuse_overlap(rows: list[Row], day: date) -> None:
    for earlier, later in pairwise(rows):
        if earlier.close > later.open:
            other = later if earlier.date == day.toordinal() else earlier
            raise _Overlap(day, date.fromordinal(other.date))


def _edges(columns: Columns, before: list[Row], new: list[Row], behind: list[Row]) -> "array[int]":
    """Replace the edges between the open of the session before and the close of the one behind."""
    edges = columns.edges
    low = bisect_right(edges, before[0].open) if before else 0
    high = bisect_left(edges, behind[0].close) if behind else len(edges)
    rows = [*before, *new, *behind]
    between = columns_of(rows, columns.zone, date.fromordinal(columns.known_until)).edges
    return edges[:low] + between[bool(before) : len(between) - bool(behind)] + edges[high:]
