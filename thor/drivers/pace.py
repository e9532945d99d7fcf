"""The pace: at which instants of those at which something is due time is decided.

`Exact` decides each at its instant, as beat does. `Ticks` looks once a tick, as `run_heartbeat` does, at whole
multiples of the tick, so that one-second jobs still begin on their second. What falls between two ticks is decided at
the second one: the newest slot of a line runs, and those before it are written down as superseded.

    tick             fast, while a market trades                 slow, while all are closed
    12:00:00   12:00:01   12:00:02 …  20:00:00          20:01:00          … 13:29:17 an edit … 13:30:00 an opening

Slow is never late for a bell: a slow tick ends at an opening, at a pre-open window, and at an edit.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: How long the tick is that begins at an instant: the fast one, or the slow one, which ends where a bell is awaited.
Tempo = Callable[[datetime], timedelta]


class Pace(Protocol):
    """When time is decided."""

    def is_time(self, now: datetime) -> bool:
        """Tell whether to decide now, and if so count it."""

    def turn_at(self, due: datetime | None) -> datetime | None:
        """Return when something that is due at an instant is decided; nothing where nothing waits for an instant."""

    def hurry(self) -> None:
        """Look again at once: the schedule, or hours, have changed."""


class Exact:
    """Decide everything at its instant."""

    def is_time(self, now: datetime) -> bool:
        """Agree."""
        return True

    def turn_at(self, due: datetime | None) -> datetime | None:
        """Return the instant itself."""
        return due

    def hurry(self) -> None:
        """Have nothing to hurry."""


class Ticks:
    """Decide once a tick. `ticks` counts them; `period` is how long the one under way may last."""

    def __init__(self, tempo: Tempo, fast: timedelta, slow: timedelta) -> None:
        """Tick as `tempo` says, and for the first time at once."""
        self._tempo, self._fast, self._slow = tempo, fast, slow
        self._next_at: datetime | None = None
        self.ticks, self.period = 0, fast

    def is_time(self, now: datetime) -> bool:
        """Tell whether a tick is due, and if so begin the next."""
        # A tick further away than any can be is one of a clock that was ahead.
        if self._next_at is not None and now < self._next_at <= now + self._slow:
            return False
        self.period = self._tempo(now)
        self.ticks += 1
        if self.period == self._fast:
            self._next_at = _multiple(now, self._fast)
        else:
            self._next_at = min(now + self.period, _multiple(now, self._slow))
        return True

    def turn_at(self, due: datetime | None) -> datetime | None:
        """Return the next tick; an instant that has passed, where that is now."""
        return self._next_at or _EPOCH

    def hurry(self) -> None:
        """Tick at the next turn."""
        self._next_at = None


def _multiple(now: datetime, period: timedelta) -> datetime:
    """Return the first multiple of the period after `now`."""
    return _EPOCH + ((now - _EPOCH) // period + 1) * period
