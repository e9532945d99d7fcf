"""Say how often by plain arithmetic: every so long, once a session, once at an instant."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from thor.timing.instants import EPOCH, MICROSECOND, instant, micros


class BadCadence(ValueError):
    """The cadence cannot be understood."""


UNITS = (
    (86_400_000_000, "d"),
    (3_600_000_000, "h"),
    (60_000_000, "min"),
    (1_000_000, "s"),
    (1_000, "ms"),
    (1, "µs"),
)


@dataclass(frozen=True, slots=True, init=False)
class Every:
    """Fire on a fixed grid: at every multiple of the period from the Unix epoch, or from `anchor`.

    A grid has no memory, so a slow run, a restart or a change of leader moves nothing. The grid reaches back
    before its anchor too; an entry's `start` is what keeps those slots from being owed.
    """

    period: timedelta
    size: int
    phase: int

    def __init__(
        self,
        *,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        milliseconds: float = 0,
        microseconds: float = 0,
        anchor: datetime = EPOCH,
    ) -> None:
        period = timedelta(
            days=days,
            hours=hours,
            minutes=minutes,
            seconds=seconds,
            milliseconds=milliseconds,
            microseconds=microseconds,
        )
        if period <= timedelta(0):
            raise BadCadence(f"A period must be longer than 0, not {period.total_seconds():g} s.")
        size = period // MICROSECOND
        object.__setattr__(self, "period", period)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "phase", micros(anchor) % size)

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first slot strictly after `t`, or None past the year 9999."""
        size, phase = self.size, self.phase
        try:
            return instant(((micros(t) - phase) // size + 1) * size + phase)
        except OverflowError:
            return None

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest slot not after `t`, or None before the year 1."""
        size, phase = self.size, self.phase
        try:
            return instant((micros(t) - phase) // size * size + phase)
        except OverflowError:
            return None

    def count(self, after: datetime, until: datetime) -> int:
        """Count the slots in (after, until] by two divisions, however many there are."""
        size, phase = self.size, self.phase
        return max(0, (micros(until) - phase) // size - (micros(after) - phase) // size)

    def text(self) -> str:
        """Say it for people: `every 5 min`."""
        unit, name = next((unit, name) for unit, name in UNITS if self.size % unit == 0)
        return f"every {self.size // unit} {name}"


@dataclass(frozen=True, slots=True)
class OncePerSession:
    """Fire once in each session, at the first instant of the entry's window.

    The window knows the instants, so `plan()` works them out; taken alone this cadence has none.
    """

    period: timedelta | None = None

    def next_after(self, t: datetime) -> datetime | None:
        """Return None: only a window and its sessions know."""
        return None

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return None: only a window and its sessions know."""
        return None

    def count(self, after: datetime, until: datetime) -> int:
        """Return 0: only a window and its sessions know."""
        return 0

    def text(self) -> str:
        """Say it for people."""
        return "once a session"


@dataclass(frozen=True, slots=True)
class Once:
    """Fire at one instant and never again."""

    at: datetime
    period: timedelta | None = None

    def next_after(self, t: datetime) -> datetime | None:
        """Return the instant while it lies after `t`."""
        return self.at if self.at > t else None

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the instant once it has come."""
        return self.at if self.at <= t else None

    def count(self, after: datetime, until: datetime) -> int:
        """Return 1 where (after, until] holds the instant, else 0."""
        return int(after < self.at <= until)

    def text(self) -> str:
        """Say it for people: `once at 2026-11-27 14:30:00 UTC`."""
        return f"once at {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
