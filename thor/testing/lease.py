"""A lease in memory, on a clock of the test's own."""

from collections.abc import Callable
from datetime import timedelta

from thor.leadership.lease import Holding, LeaseUnreachable


class InMemoryLease:
    """The lease of one process. `cut()` makes it unreachable, `mend()` reachable again."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Expire by `now`, seconds on a monotonic clock."""
        self._now, self._holder, self._expires_at, self._is_cut = now, "", 0.0, False

    def cut(self) -> None:
        """Make every call fail as if the server were gone."""
        self._is_cut = True

    def mend(self) -> None:
        """Make calls succeed again."""
        self._is_cut = False

    def acquire(self, holder: str, ttl: timedelta) -> bool:
        """Take the free lease, or keep one's own; return whether `holder` has it now."""
        if self._current() not in ("", holder):
            return False
        self._holder, self._expires_at = holder, self._now() + ttl.total_seconds()
        return True

    def renew(self, holder: str, ttl: timedelta) -> bool:
        """Extend the lease if `holder` has it; return whether it does."""
        return self._current() == holder and self.acquire(holder, ttl)

    def release(self, holder: str) -> bool:
        """Give the lease up if `holder` has it; return whether it did."""
        held = self._current() == holder
        if held:
            self._holder = ""
        return held

    def holding(self) -> Holding | None:
        """Return who has the lease, or nothing when it is free."""
        holder = self._current()
        return Holding(holder, timedelta(seconds=self._expires_at - self._now())) if holder else None

    def _current(self) -> str:
        if self._is_cut:
            raise LeaseUnreachable("the lease was cut off by the test.")
        return self._holder if self._now() < self._expires_at else ""
