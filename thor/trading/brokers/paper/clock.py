"""The embedded broker's clock and calendar: Thor's own sessions, told as a broker tells them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from thor.markets.broker_clock import ClockAnswer, ClockUnavailable
from thor.markets.store import CalendarUnavailable
from thor.markets.table import SessionTable

#: No market is closed for longer than this.
LONGEST_PAUSE: Final = timedelta(days=30)


class PaperClock:
    """A clock that is right where Thor's sessions are: it stands in for a broker's, and checks none."""

    name = "the paper broker's clock"

    def __init__(self, sessions: Callable[[], SessionTable], now: Callable[[], datetime], calendar: str) -> None:
        """Tell the sessions of one calendar, by business time."""
        self.calendars = frozenset({calendar})
        self._sessions, self._now = sessions, now

    def ask(self) -> ClockAnswer:
        """Return what the clock says now; raise `ClockUnavailable` where the sessions cannot be read."""
        try:
            table = self._sessions()
        except CalendarUnavailable as error:
            raise ClockUnavailable(str(error)) from error
        at = self._now()
        near = table.around(at, at + LONGEST_PAUSE)
        day = at.astimezone(ZoneInfo(table.zone)).date()
        session = table.on(day)
        return ClockAnswer(
            timestamp=at,
            is_open=table.is_open(at),
            opens_at=min(one.open for one in near if one.open > at),
            closes_at=min(one.close for one in near if one.close > at),
            day=day,
            day_open=session.open if session else None,
            day_close=session.close if session else None,
        )
