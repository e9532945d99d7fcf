"""Keep the sessions of one calendar as columns of whole minutes since the epoch.

36 years of a calendar are some 10,000 sessions: 320 kB as columns, several MB as objects. `edges` is the
column that answers "open now?": every instant at which trading starts or stops, in order, so that an odd
position is an open one.
"""

import json
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

#: Raise it when the layout of the file changes: files of another layout are then not read, but made again.
LAYOUT: Final = 1
#: Minutes of a day, which weekly hours count in local time.
DAY: Final = 1440
#: No plan reaches further; it keeps a question about the year 9999 from making eight thousand years of
#: sessions.
LAST_YEAR: Final = 2100

COLUMNS: Final = ("dates", "opens", "closes", "break_starts", "break_ends", "edges")


class Row(NamedTuple):
    """One session as numbers: its date as an ordinal, then minutes since the epoch; 0 to 0 is no break."""

    date: int
    open: int
    close: int
    break_start: int = 0
    break_end: int = 0


class Hours(NamedTuple):
    """The usual hours of one weekday: minutes from local midnight of the date, negative on the eve."""

    open: int
    close: int
    break_start: int = 0
    break_end: int = 0


@dataclass(frozen=True, slots=True)
class Columns:
    """The sessions of one calendar, ordered by open, and what is needed to carry them on by the weekly hours.

    `known_until` is the ordinal of the last date that the library knows: later sessions are provisional.
    `reaches` is the ordinal of the last date that these columns cover at all. The break columns are empty
    where there are none.
    """

    zone: str
    known_until: int
    reaches: int
    weekly: dict[int, Hours]
    dates: "array[int]"
    opens: "array[int]"
    closes: "array[int]"
    break_starts: "array[int]"
    break_ends: "array[int]"
    edges: "array[int]"

    def __len__(self) -> int:
        return len(self.dates)

    def rows(self) -> Iterator[Row]:
        """Iterate over all sessions as numbers."""
        breaks = zip(self.break_starts, self.break_ends, strict=True) if self.break_starts else None
        for day, opened, closed in zip(self.dates, self.opens, self.closes, strict=True):
            yield Row(day, opened, closed, *(next(breaks) if breaks else (0, 0)))

    def extended(self, year: int) -> "Columns":
        """Return columns that reach to the end of a later year, at the usual hours of each weekday."""
        end = date(min(max(year, self.next_year), LAST_YEAR), 12, 31).toordinal()
        zone = ZoneInfo(self.zone)
        days = (day for day in range(self.reaches + 1, end + 1) if _weekday(day) in self.weekly)
        more = (_usual(day, self.weekly[_weekday(day)], zone) for day in days)
        # The eve of a session can lie before the last known close where a calendar stops in mid-week.
        later = [row for row in more if row.open >= self.closes[-1]]
        # Added to what is there: making all columns anew would cost the first question about a far year 60 ms.
        added = _arrays(later, broken=bool(self.break_ends), edges=self.edges[:])
        whole = {name: getattr(self, name) + added[name] for name in COLUMNS if name != "edges"}
        return Columns(self.zone, self.known_until, end, self.weekly, **whole, edges=added["edges"])

    @property
    def next_year(self) -> int:
        """Return the first year that these columns do not cover to its end."""
        return date.fromordinal(self.reaches + 1).year

    @property
    def can_extend(self) -> bool:
        """Say whether there is a later year to carry the sessions on into."""
        return bool(self.weekly) and self.next_year <= LAST_YEAR

    def dump(self) -> bytes:
        """Return the file's content: one line of JSON, then the columns in this machine's byte order."""
        arrays = [getattr(self, name) for name in COLUMNS]
        head = {
            "layout": LAYOUT,
            "byteorder": sys.byteorder,
            "zone": self.zone,
            "known_until": self.known_until,
            "reaches": self.reaches,
            "weekly": self.weekly,
            "lengths": [len(column) for column in arrays],
        }
        return json.dumps(head).encode() + b"\n" + b"".join(column.tobytes() for column in arrays)

    @classmethod
    def load(cls, content: bytes) -> "Columns":
        """Return what `dump` wrote; raise `ValueError` where the content is another layout or was cut off."""
        line, _, body = content.partition(b"\n")
        head = json.loads(line)
        if (head["layout"], head["byteorder"]) != (LAYOUT, sys.byteorder):
            raise ValueError("written in another layout")
        weekly = {int(weekday): Hours(*hours) for weekday, hours in head["weekly"].items()}
        arrays = dict(zip(COLUMNS, _cut(body, head["lengths"]), strict=True))
        return cls(head["zone"], head["known_until"], head["reaches"], weekly, **arrays)


def columns_of(rows: Iterable[Row], zone: str, known_until: date) -> Columns:
    """Make columns of sessions in order, and learn the usual hours from the most recent of them."""
    rows = list(rows)
    until, broken = known_until.toordinal(), any(row.break_end for row in rows)
    return Columns(zone, until, until, usual_hours(rows, ZoneInfo(zone)), **_arrays(rows, broken))


def usual_hours(rows: list[Row], zone: ZoneInfo, look_back: int = 130) -> dict[int, Hours]:
    """Return the commonest hours of each weekday that regularly has a session, over the last half year."""
    seen: dict[int, list[Hours]] = {}
    for row in rows[-look_back:]:
        seen.setdefault(_weekday(row.date), []).append(_local_hours(row, zone))
    # A weekday with one session in twenty is an extraordinary Saturday, not a trading day.
    few = min(len(rows), look_back) // 20
    regular = sorted(weekday for weekday, hours in seen.items() if len(hours) > few)
    return {weekday: max(set(seen[weekday]), key=seen[weekday].count) for weekday in regular}


def minutes(at: datetime) -> int:
    """Return the whole minutes from the epoch to an aware instant."""
    return int(at.timestamp() // 60)


def local_minutes(day: int, minute: int, zone: ZoneInfo) -> int:
    """Return the instant at a local time of day: minutes from the midnight of the date of this ordinal."""
    days, rest = divmod(minute, DAY)
    midnight = datetime.combine(date.fromordinal(day + days), datetime.min.time(), zone)
    return minutes(midnight + timedelta(minutes=rest))


def _usual(day: int, hours: Hours, zone: ZoneInfo) -> Row:
    opened, closed = (local_minutes(day, minute, zone) for minute in hours[:2])
    if not hours.break_end:
        return Row(day, opened, closed)
    return Row(day, opened, closed, *(local_minutes(day, minute, zone) for minute in hours[2:]))


def _local_hours(row: Row, zone: ZoneInfo) -> Hours:
    instants = [row.open, row.close] + ([row.break_start, row.break_end] if row.break_end else [])
    return Hours(*(_from_midnight(row.date, instant, zone) for instant in instants))


def _from_midnight(day: int, instant: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(instant * 60, zone)
    return (local.toordinal() - day) * DAY + local.hour * 60 + local.minute


def _weekday(day: int) -> int:
    return (day + 6) % 7


def _arrays(rows: list[Row], broken: bool, edges: "array[int] | None" = None) -> dict[str, "array[int]"]:
    """Return the columns of rows, those of the breaks only where there are any; `edges` are those before the rows."""
    return {
        "dates": array("i", (row.date for row in rows)),
        "opens": array("i", (row.open for row in rows)),
        "closes": array("i", (row.close for row in rows)),
        "break_starts": array("i", (row.break_start for row in rows) if broken else ()),
        "break_ends": array("i", (row.break_end for row in rows) if broken else ()),
        "edges": _edges(rows, array("i") if edges is None else edges),
    }


def _edges(rows: list[Row], edges: "array[int]") -> "array[int]":
    for row in rows:
        for start, end in _trading(row):
            # Sessions without a gap (crypto) are one stretch of trading: no edge between them.
            if edges and edges[-1] == start:
                edges.pop()
            else:
                edges.append(start)
            edges.append(end)
    return edges


def _trading(row: Row) -> tuple[tuple[int, int], ...]:
    if row.break_end:
        return (row.open, row.break_start), (row.break_end, row.close)
    return ((row.open, row.close),)


def _cut(body: bytes, lengths: list[int]) -> Iterator["array[int]"]:
    size = array("i").itemsize
    if len(body) != size * sum(lengths):
        raise ValueError("cut off")
    start = 0
    for length in lengths:
        column = array("i")
        column.frombytes(body[start : start + size * length])
        start += size * length
        yield column
