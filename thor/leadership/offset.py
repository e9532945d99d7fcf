"""The scheduling clock: time that never steps, kept in agreement with the database's clock.

It is a steady clock plus an offset. Each sample asks the server for its time and brackets it:

    steady   t0 ────── asks ────── server says s ────── t1        the offset lies in [s - t1, s - t0]

The offset moves only as far as the newest bracket demands, and starts at the lower end, so the clock is never ahead of
the server by more than what drifts between two samples. A bracket more than `JUMP` away means that somebody stepped a
clock: the time is uncertain, nobody may lead by it, until `AGREEING` samples in a row agree again. The clock of the
machine itself is never asked, so a step of it fires nothing early and leaves no silent hour.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection

from thor.leadership.elector import boottime
from thor.timing import SystemClock

JUMP = timedelta(seconds=0.25)
AGREEING = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def database_time() -> datetime:
    """Return the time by the database's clock; SQLite has none but the machine's."""
    if connection.vendor != "postgresql":
        return SystemClock().now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


class OffsetClock:
    """Tell business and wall time, which are one here, by the server's clock."""

    def __init__(self, ask: Callable[[], datetime] = database_time, *, steady: Callable[[], float] = boottime) -> None:
        """Ask for the first sample at once; whatever `ask` raises is the caller's."""
        self._ask, self._steady = ask, steady
        self._offset, _ = self._bracket()
        self._doubted: float | None = None
        self._agreed = 0

    @property
    def is_certain(self) -> bool:
        """Tell whether the newest samples agree."""
        return self._doubted is None

    def sample(self) -> bool:
        """Compare with the server once more; return whether the time is certain."""
        low, high = self._bracket()
        slack = JUMP.total_seconds()
        if self._doubted is None:
            if low - slack <= self._offset <= high + slack:
                self._offset = min(max(self._offset, low), high)
            else:
                self._doubted, self._agreed = low, 1
        else:
            self._settle(low, high, slack)
        return self.is_certain

    def now(self) -> datetime:
        """Return the time."""
        return _EPOCH + timedelta(seconds=self._steady() + self._offset)

    def wall(self) -> datetime:
        """Return the time: this clock replays nothing."""
        return self.now()

    def wall_of(self, at: datetime) -> datetime:
        """Return `at` itself."""
        return at

    def on_wall(self, span: timedelta) -> timedelta:
        """Return `span` itself."""
        return span

    def _settle(self, low: float, high: float, slack: float) -> None:
        assert self._doubted is not None  # noqa: S101  (the caller asked)
        if low - slack <= self._doubted <= high + slack:
            self._agreed += 1
        else:
            self._doubted, self._agreed = low, 1
        if self._agreed >= AGREEING:
            self._offset, self._doubted = low, None

    def _bracket(self) -> tuple[float, float]:
        before = self._steady()
        said = (self._ask() - _EPOCH).total_seconds()
        return said - self._steady(), said - before
