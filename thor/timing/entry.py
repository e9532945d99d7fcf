"""Describe an entry to `plan()`: how often, when it may, and what becomes of the slots it missed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from thor.timing.cadence import Cadence
from thor.timing.catchup import CatchUp, Skip
from thor.timing.instants import later
from thor.timing.session import Sessions
from thor.timing.spans import SpanIndex, span_index
from thor.timing.window import Always, Between, Window, WindowSpan

FLOOR = timedelta(seconds=5)
"""The shortest grace: a scheduler that stalls for less than this loses nothing of a fast entry."""
FIXED_TIME_GRACE = timedelta(minutes=10)
OWED_BEFORE = timedelta(seconds=60)
"""A clocked time this little before its row was made is owed all the same: people type slowly."""
MARKS = ("session_end", "break_start")


@dataclass(frozen=True, slots=True)
class Marks:
    """Name the bells at which an entry fires besides its cadence, as a window of single instants."""

    names: frozenset[str]

    def spans(self, sessions: Sessions | None, start: datetime, end: datetime) -> list[WindowSpan]:
        """List the bells in [start, end], each as the shortest of spans."""
        if sessions is None:
            return []
        found = {
            WindowSpan(at, later(at, timedelta(microseconds=1)), session.date)
            for session in sessions.around(start, later(end, timedelta(microseconds=1)))
            for at in self._bells(session.close, [span.start for span in session.breaks])
            if start <= at <= end
        }
        return sorted(found, key=lambda span: span.start)

    def can_open(self) -> bool:
        """Return True."""
        return True

    def text(self) -> str:
        """Say it for people: `at break_start, session_end`."""
        return f"at {', '.join(sorted(self.names))}"

    def _bells(self, close: datetime, breaks: list[datetime]) -> list[datetime]:
        at = [close] if "session_end" in self.names else []
        return at + (breaks if "break_start" in self.names else [])


@dataclass(frozen=True, slots=True)
class Entry:
    """Describe one job on one market, as far as time is concerned.

    - `since`: from when slots are owed, exclusive: when it was enabled or edited.
    - `start`, `until`: the slots lie in [start, until).
    - `also_at`: "session_end" and "break_start" fire at those bells besides; other names belong to drivers.
    - `deadline`: how late a run may begin; None means the default of the cadence.
    """

    id: UUID
    cadence: Cadence
    since: datetime
    window: Window = field(default_factory=Always)
    sessions: Sessions | None = None
    market: str = ""
    also_at: frozenset[str] = frozenset()
    start: datetime | None = None
    until: datetime | None = None
    catch_up: CatchUp = field(default_factory=Skip)
    deadline: timedelta | None = None
    paused: bool = False
    _spans: SpanIndex | None = field(default=None, init=False, compare=False, repr=False)
    _marks: SpanIndex | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def always(self) -> bool:
        """Say whether no window limits it."""
        return type(self.window) is Always

    def spans(self) -> SpanIndex:
        """Return the index of its window; a once-a-session entry without one has whole sessions."""
        if self._spans is None:
            window = _WHOLE_SESSION if self.always else self.window
            object.__setattr__(self, "_spans", span_index(window, self.sessions))
        assert self._spans is not None  # noqa: S101  (tells the type checker what the line above did)
        return self._spans

    def marks(self) -> SpanIndex | None:
        """Return the index of its extra bells, None where it has none."""
        if self._marks is None and self.sessions is not None:
            names = self.also_at.intersection(MARKS)
            if names:
                object.__setattr__(self, "_marks", span_index(Marks(names), self.sessions))
        return self._marks

    def rings_at(self, at: datetime) -> bool:
        """Say whether one of its extra bells is at this instant."""
        marks = self.marks()
        return marks is not None and next(iter(marks.touching(at, at)), None) is not None

    def grace(self, floor: timedelta) -> timedelta:
        """Return how late a run of it may begin: its deadline, else one period, else ten minutes."""
        if self.deadline is not None:
            return self.deadline
        period = self.cadence.period
        return FIXED_TIME_GRACE if period is None else max(floor, period)


_WHOLE_SESSION = Between("open", "close")
