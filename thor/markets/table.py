"""Answer questions about the sessions of one calendar from columns of minutes.

A `SessionTable` is what `timing.plan()` and windows take as `sessions`. It never changes an answer once
given, but it grows: a question beyond its last session adds provisional ones at the weekly hours, a year at
a time.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from thor.markets.columns import Columns
from thor.markets.overrides import DayOverride
from thor.timing.phase import POST_CLOSE
from thor.timing.session import Session, Span

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SessionTable:
    """The sessions of one calendar, in order; safe to ask from many threads.

    Instants are aware datetimes, or seconds since the epoch where the name says `seconds`. Before the first
    session of the calendar, and after the year 2100, a market is closed. `overrides` are those that hold in the
    columns, by date; a market that is continuous by its calendar stays so, whatever they close.
    """

    __slots__ = (
        "__weakref__",
        "_columns",
        "_last_answer",
        "_last_around",
        "_lock",
        "_read",
        "calendar",
        "continuous",
        "overrides",
        "post_close",
    )

    def __init__(
        self,
        calendar: str,
        columns: Columns,
        post_close: timedelta = POST_CLOSE,
        overrides: Mapping[date, DayOverride] | None = None,
        *,
        continuous: bool | None = None,
    ) -> None:
        """Take the columns as they were read, the market's own post-close limit, and what was overridden in them.

        `continuous` says whether each session begins where the last one ended, so that the market has no bells; it is
        told from the columns where it is not given.
        """
        self.calendar = calendar
        self.post_close = post_close
        self.overrides = overrides or {}
        self.continuous = len(columns.edges) <= 2 < len(columns) if continuous is None else continuous
        self._read = self._columns = columns
        self._lock = threading.Lock()
        self._last_answer = (0.0, 0.0, False)
        self._last_around: tuple[int, int, Columns, tuple[Session, ...]] = (0, 0, columns, ())

    def __repr__(self) -> str:
        return f"<SessionTable {self.calendar} {self.first_date} to {self.known_until}>"

    @property
    def zone(self) -> str:
        """Return the zone of the calendar, in which the dates of its sessions are counted."""
        return self._columns.zone

    @property
    def first_date(self) -> date:
        """Return the date of the first session."""
        return date.fromordinal(self._columns.dates[0])

    @property
    def known_until(self) -> date:
        """Return the last date that the library knows; later sessions are provisional."""
        return date.fromordinal(self._columns.known_until)

    def with_post_close(self, post_close: timedelta) -> "SessionTable":
        """Return the same sessions with a market's own post-close limit."""
        return SessionTable(self.calendar, self._read, post_close)

    def with_overrides(self, columns: Columns, overrides: Mapping[date, DayOverride]) -> "SessionTable":
        """Return a table of the same calendar whose columns hold these overrides."""
        return SessionTable(self.calendar, columns, self.post_close, overrides, continuous=self.continuous)

    def columns_beyond(self, day: date) -> Columns:
        """Return the columns, grown so far that the date and the session after it are among them."""
        return self._reaching(_beyond(day))

    def starts_with(self, columns: Columns) -> bool:
        """Say whether this table was made from such columns: a daily rebuild mostly brings the same."""
        return self._read == columns

    def trades_on(self, weekday: int) -> bool:
        """Say whether this weekday (Monday is 0) regularly has a session; without one it is a holiday."""
        return weekday in self._columns.weekly

    def is_open_at(self, seconds: float) -> bool:
        """Say whether the market trades at this second since the epoch: in a session, not in a break."""
        start, end, answer = self._last_answer
        if start <= seconds < end:
            return answer
        return self._find_answer(seconds)

    def is_open(self, at: datetime) -> bool:
        """Say whether the market trades at this instant."""
        return self.is_open_at(at.timestamp())

    def around(self, start: datetime, end: datetime) -> tuple[Session, ...]:
        """Return the sessions that overlap [start, end] and a neighbour on each side, ordered by open."""
        first, last = start.timestamp() / 60, end.timestamp() / 60
        columns = self._reaching(last)
        low = max(bisect_right(columns.closes, first) - 1, 0)
        high = min(bisect_right(columns.opens, last) + 1, len(columns))
        return self._sessions(columns, low, high)

    def on(self, day: date) -> Session | None:
        """Return the session of this date, or None where the market has none."""
        ordinal = day.toordinal()
        columns = self._reaching(_beyond(day))
        index = bisect_left(columns.dates, ordinal)
        if index == len(columns) or columns.dates[index] != ordinal:
            return None
        return _session(columns, index)

    def between(self, first: date, last: date) -> list[Session]:
        """Return the sessions of all dates from the first to the last, both included."""
        columns = self._reaching(_beyond(last))
        low = bisect_left(columns.dates, first.toordinal())
        high = bisect_right(columns.dates, last.toordinal())
        return [_session(columns, index) for index in range(low, high)]

    def _sessions(self, columns: Columns, low: int, high: int) -> tuple[Session, ...]:
        # Planning asks about the same hours over and over: the last answer is nearly always the next one.
        known_low, known_high, source, found = self._last_around
        if (low, high) != (known_low, known_high) or source is not columns:
            found = tuple(_session(columns, index) for index in range(low, high))
            self._last_around = (low, high, columns, found)
        return found

    def _find_answer(self, seconds: float) -> bool:
        edges = self._reaching(seconds / 60).edges
        index = bisect_right(edges, seconds / 60)
        start = edges[index - 1] * 60.0 if index else float("-inf")
        end = edges[index] * 60.0 if index < len(edges) else seconds
        answer = index % 2 == 1
        self._last_answer = (start, end, answer)
        return answer

    def _reaching(self, minute: float) -> Columns:
        """Return columns with a session that opens after this minute, as long as there can be one."""
        columns = self._columns
        while columns.opens[-1] <= minute and columns.can_extend:
            columns = self._extend(columns, _year(minute))
        return columns

    def _extend(self, columns: Columns, year: int) -> Columns:
        with self._lock:
            if self._columns is columns:
                # The year after as well: the neighbour of its last session is in it.
                self._columns = columns.extended(year + 1)
            return self._columns


def _session(columns: Columns, index: int) -> Session:
    breaks: tuple[Span, ...] = ()
    if columns.break_ends and columns.break_ends[index]:
        breaks = (Span(_at(columns.break_starts[index]), _at(columns.break_ends[index])),)
    day = columns.dates[index]
    opened, closed = _at(columns.opens[index]), _at(columns.closes[index])
    return Session(date.fromordinal(day), opened, closed, breaks, day > columns.known_until)


def _beyond(day: date) -> int:
    return (day.toordinal() - EPOCH.toordinal() + 2) * 1440


def _year(minute: float) -> int:
    # By the mean year: near enough for how far to grow, and defined beyond the last date that Python knows.
    return EPOCH.year + int(minute // 525_949)


def _at(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)
