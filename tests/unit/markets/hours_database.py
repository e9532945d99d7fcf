"""Compare Thor's sessions with LEAN's market hours database, day by day.

`python -m tests.unit.markets.hours_table --write` writes what differs into docs/market-hours.md.

The database tells weekly hours, valid for all years, and dates that differ: holidays (the whole calendar day is
closed), early closes and late opens (a close before an open of the same day is a pause between them). What a symbol
does not list, the entry `[*]` of its market does. Bank holidays do not close a market there.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from thor.markets.calendars import read_calendar
from thor.markets.columns import Columns, Row

DATABASE = Path("lean/Data/market-hours/market-hours-database.json.gz")
FIRST = date(2015, 1, 1)
#: The year in which Thor's sessions are built for this: a fixed one, or the list would change every January.
BUILT_IN = 2026
DAY = 1440
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Pair:
    """A market of Thor and the entry that describes the same trading; minutes before `begins` are left out."""

    market: str
    calendar: str
    entry: str
    states: tuple[str, ...] = ("market",)
    begins: int = 0


HONG_KONG = "Hong Kong"
ALL_STATES = ("premarket", "market", "postmarket")
PAIRS = (
    Pair("japan", "XTKS", "Index-ose-N225"),
    Pair("india", "XBOM", "Equity-india-[*]"),
    Pair("germany", "XETR", "Index-eurex-[*]"),
    Pair("pre_usa", "XNYS-PRE", "Equity-usa-[*]", ("premarket",), 8 * 60 + 30),
    Pair("usa", "XNYS", "Equity-usa-[*]"),
    Pair("us_equities", "XNYS-EXTENDED", "Equity-usa-[*]", ALL_STATES),
    Pair("globex", "CMES-GLOBEX", "Future-cme-ES", ALL_STATES),
    Pair("crypto", "24/7", "Crypto-coinbase-[*]"),
    Pair(HONG_KONG, "XHKG", "Index-hkfe-[*]"),
)


class Entry:
    """What the database says of one market or symbol, with what the whole market's entry adds."""

    def __init__(self, entries: dict, key: str) -> None:
        """Take the entry of this key."""
        self._own = entries[key]
        self._market = entries.get(f"{key.rpartition('-')[0]}-[*]", {})
        self.zone = ZoneInfo(self._own["exchangeTimeZone"])

    @cached_property
    def holidays(self) -> set[date]:
        """Return the dates on which nothing trades from midnight to midnight."""
        return {_date(text) for source in (self._own, self._market) for text in source.get("holidays") or ()}

    @cached_property
    def early_closes(self) -> dict[date, int]:
        """Return the close of each shortened date, in minutes."""
        return self._dated("earlyCloses")

    @cached_property
    def late_opens(self) -> dict[date, int]:
        """Return the open, or the opening again, of each date that has one."""
        return self._dated("lateOpens")

    @property
    def last_date(self) -> date:
        """Return the last date that the entry lists, or the end of 2026 where it lists none."""
        return max((*self.holidays, *self.early_closes, *self.late_opens), default=date(2026, 12, 31))

    def spans(self, day: date, states: tuple[str, ...]) -> Spans:
        """Return when it trades on a calendar day, in minutes of its own zone."""
        if day in self.holidays:
            return ()
        weekly = [s for s in self._own[WEEKDAYS[day.weekday()]] if s["state"] in states]
        found = [(_minutes(segment["start"]), _minutes(segment["end"])) for segment in weekly]
        close, open_ = self.early_closes.get(day), self.late_opens.get(day)
        if close is not None and open_ is not None and close < open_:
            return _merged([*_cut(found, 0, close), *_cut(found, open_, DAY)])
        return _merged(_cut(found, open_ or 0, DAY if close is None else close))

    def _dated(self, name: str) -> dict[date, int]:
        merged = {**(self._market.get(name) or {}), **(self._own.get(name) or {})}
        return {_date(text): _minutes(at) for text, at in merged.items()}


@dataclass(frozen=True)
class Disagreement:
    """One calendar day on which the two differ: when each says that the market trades."""

    market: str
    day: date
    database: Spans
    thor: Spans


def disagreements(recordings: Path) -> Iterator[Disagreement]:
    """Return every day from 2015 on, to the end of what an entry lists, on which the two differ."""
    with gzip.open(recordings / DATABASE) as file:
        entries = json.load(file)["entries"]
    for pair in PAIRS:
        entry, columns = Entry(entries, pair.entry), read_calendar(pair.calendar, BUILT_IN)
        until = min(entry.last_date, date.fromordinal(columns.known_until))
        ours = _by_day(columns, entry.zone)
        for number in range((until - FIRST).days + 1):
            day = FIRST + timedelta(days=number)
            theirs = _merged(_cut(entry.spans(day, pair.states), pair.begins, DAY))
            if theirs != ours.get(day, ()):
                yield Disagreement(pair.market, day, theirs, ours.get(day, ()))


def _by_day(columns: Columns, zone: ZoneInfo) -> dict[date, Spans]:
    days: dict[date, list[tuple[int, int]]] = {}
    for row in columns.rows():
        if row.date < FIRST.toordinal() - 7:
            continue
        for start, end in _trading(row):
            opened, closed = (datetime.fromtimestamp(minute * 60, zone) for minute in (start, end))
            while opened.date() < closed.date():
                days.setdefault(opened.date(), []).append((_of_day(opened), DAY))
                opened = datetime.combine(opened.date() + timedelta(days=1), datetime.min.time(), zone)
            days.setdefault(opened.date(), []).append((_of_day(opened), _of_day(closed)))
    return {day: _merged(spans) for day, spans in days.items()}


def _trading(row: Row) -> list[tuple[int, int]]:
    if row.break_end:
        return [(row.open, row.break_start), (row.break_end, row.close)]
    return [(row.open, row.close)]


def _cut(spans, start: int, end: int) -> list[tuple[int, int]]:
    return [(max(low, start), min(high, end)) for low, high in spans]


def _merged(spans) -> Spans:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(span for span in spans if span[0] < span[1]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _of_day(at: datetime) -> int:
    return at.hour * 60 + at.minute


def _date(text: str) -> date:
    month, day, year = map(int, text.split("/"))
    return date(year, month, day)


def _minutes(text: str) -> int:
    days, _, clock = text.rpartition(".")
    hour, minute, _second = map(int, clock.split(":"))
    return int(days or 0) * DAY + hour * 60 + minute
