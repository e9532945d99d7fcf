"""A broker's clock in memory, which tells the hours of a calendar, by a clock of the test's own."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from thor.markets.broker_clock import ClockAnswer, ClockUnavailable
from thor.markets.table import SessionTable

#: No market is closed for longer than this.
LONGEST_PAUSE = timedelta(days=30)


class InMemoryBrokerClock:
    """The clock of a broker that is right about everything. `cut()` makes it unreachable, `mend()` reachable again."""

    name = "The clock in memory"

    def __init__(self, table: SessionTable, now: Callable[[], datetime]) -> None:
        """Tell the sessions of this table, by `now`."""
        self.calendars = frozenset({table.calendar})
        self._table, self._now, self._is_cut = table, now, False

    def cut(self) -> None:
        """Make every question fail as if the broker were gone."""
        self._is_cut = True

    def mend(self) -> None:
        """Answer again."""
        self._is_cut = False

    def ask(self) -> ClockAnswer:
        """Return what the clock says now."""
        if self._is_cut:
            raise ClockUnavailable("the clock in memory is cut off")
        at = self._now()
        near = self._table.around(at, at + LONGEST_PAUSE)
        day = at.astimezone(ZoneInfo(self._table.zone)).date()
        session = self._table.on(day)
        return ClockAnswer(
            timestamp=at,
            is_open=self._table.is_open(at),
            opens_at=min(one.open for one in near if one.open > at),
            closes_at=min(one.close for one in near if one.close > at),
            day=day,
            day_open=session.open if session else None,
            day_close=session.close if session else None,
        )
