"""Say what becomes of slots that came while nobody could decide.

`grace` below is what a cadence allows by itself: an interval its period (and never less than the floor), a
fixed time ten minutes. No policy reaches past the end of a window.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from thor.timing.instants import MICROSECOND, earlier


@dataclass(frozen=True, slots=True)
class Skip:
    """Run the newest slot that is still within its grace; drop the others. The default."""

    def cutoff(self, now: datetime, grace: timedelta) -> datetime:
        """Return the instant after which a slot is still fresh."""
        return earlier(now, grace)

    def patience(self, grace: timedelta) -> timedelta:
        """Return how long after its nominal time a run may begin."""
        return grace


@dataclass(frozen=True, slots=True)
class Latest:
    """Run the newest slot that is not older than `within`; drop the others."""

    within: timedelta

    def cutoff(self, now: datetime, grace: timedelta) -> datetime:
        """Return the instant after which a slot is still fresh."""
        return earlier(now, self.within + MICROSECOND)

    def patience(self, grace: timedelta) -> timedelta:
        """Return how long after its nominal time a run may begin."""
        return self.within + grace


@dataclass(frozen=True, slots=True)
class All:
    """Run every slot that is not older than `within`, one by one; drop the others."""

    within: timedelta

    def cutoff(self, now: datetime, grace: timedelta) -> datetime:
        """Return the instant after which a slot is still fresh."""
        return earlier(now, self.within + MICROSECOND)

    def patience(self, grace: timedelta) -> timedelta:
        """Return how long after its nominal time a run may begin."""
        return self.within + grace


CatchUp = Skip | Latest | All
