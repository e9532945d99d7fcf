"""Tell the time: the one module of Thor that reads a wall clock.

Business time and wall time are two things. A replay runs business time at sixty times its pace, while leases
and message expiry stay on the wall; code that decides asks `now()`, code that sleeps asks `wall_of()`.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tell business time and wall time, as aware UTC datetimes."""

    def now(self) -> datetime:
        """Read business time: virtual in a replay."""

    def wall(self) -> datetime:
        """Read real time."""

    def wall_of(self, at: datetime) -> datetime:
        """Say when the business instant `at` happens on the wall."""

    def on_wall(self, span: timedelta) -> timedelta:
        """Say how long a span of business time lasts on the wall."""


class SystemClock:
    """Tell the machine's own time: business time is real time."""

    def now(self) -> datetime:
        """Read the machine's clock."""
        return datetime.now(UTC)

    def wall(self) -> datetime:
        """Read the machine's clock."""
        return datetime.now(UTC)

    def wall_of(self, at: datetime) -> datetime:
        """Return `at` itself."""
        return at

    def on_wall(self, span: timedelta) -> timedelta:
        """Return `span` itself."""
        return span


class ManualClock:
    """Tell the time that a test or a simulation sets; it stands still otherwise."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Read the time last set."""
        return self._now

    def wall(self) -> datetime:
        """Read the time last set: a manual clock has no other."""
        return self._now

    def wall_of(self, at: datetime) -> datetime:
        """Return `at` itself."""
        return at

    def on_wall(self, span: timedelta) -> timedelta:
        """Return `span` itself."""
        return span

    def advance(self, delta: timedelta) -> datetime:
        """Move the clock by `delta` and return the new time."""
        self._now += delta
        return self._now

    def set(self, at: datetime) -> None:
        """Move the clock to `at`, back as well as on."""
        self._now = at


class ReplayClock:
    """Tell the time of a replay: `start` at `wall_origin`, then `speed` times as fast as the wall.

    All processes of a replay share origin and speed, so they agree about business time without talking.
    `tick` is wall time: schedulers act once a tick and fold what fell between two of them, so a fast replay
    stays light.
    """

    def __init__(
        self,
        start: datetime,
        wall_origin: datetime,
        speed: float,
        tick: timedelta,
        wall: Clock | None = None,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"A replay's speed must be above 0, not {speed}.")
        if tick <= timedelta(0):
            raise ValueError(f"A replay's tick must be longer than 0, not {tick}.")
        self.start = start
        self.wall_origin = wall_origin
        self.speed = speed
        self.tick = tick
        self._wall: Clock = wall or SystemClock()

    def now(self) -> datetime:
        """Read business time: it passes continuously, not in ticks."""
        return self.start + (self.wall() - self.wall_origin) * self.speed

    def wall(self) -> datetime:
        """Read real time."""
        return self._wall.wall()

    def wall_of(self, at: datetime) -> datetime:
        """Say when the business instant `at` happens on the wall."""
        return self.wall_origin + self.on_wall(at - self.start)

    def on_wall(self, span: timedelta) -> timedelta:
        """Say how long a span of business time lasts on the wall."""
        return span / self.speed

    def next_tick(self, wall: datetime) -> datetime:
        """Return the first wall tick strictly after `wall`; ticks are multiples of `tick` from the origin."""
        return self.wall_origin + ((wall - self.wall_origin) // self.tick + 1) * self.tick


class SteppedClock(ReplayClock):
    """Tell the time of a replay that whoever runs it sets, step by step: a simulation in one process.

    Business time stands still between two steps, however long the work of a step takes on the wall, so nothing of it
    depends on how fast the machine is. What is due at a step is due now, on the wall; what lies ahead, as far ahead.
    """

    def __init__(self, start: datetime, tick: timedelta, wall: Clock | None = None) -> None:
        super().__init__(start, (wall or SystemClock()).wall(), 1.0, tick, wall)
        self._now = start

    def now(self) -> datetime:
        """Read the time last set."""
        return self._now

    def wall_of(self, at: datetime) -> datetime:
        """Say when `at` would happen if time went on from here; what has passed happens now."""
        return self.wall() + max(at - self._now, timedelta(0))

    def next_tick(self, wall: datetime) -> datetime:
        """Return the wall's `wall` and one tick: nobody waits for it."""
        return wall + self.tick

    def step(self, at: datetime) -> None:
        """Move the clock on to `at`; raise `ValueError` for a step back, which a replay does not know."""
        if at < self._now:
            raise ValueError(f"A simulation is at {self._now} and cannot go back to {at}.")
        self._now = at
