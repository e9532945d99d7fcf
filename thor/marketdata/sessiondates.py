"""Say quickly, tick by tick, to which session of a venue an instant belongs.

Between a session's open and its close nothing is asked: the publisher's thread must not wait for a database. Where the
venue has no sessions, or nobody can say, it is the UTC day.
"""

from datetime import UTC, datetime
from typing import Final

from django.db import Error

from thor.marketdata.trading_days import session_at
from thor.timing import micros

_MINUTE: Final = 60 * 10**9


class SessionDates:
    """Remember the session of a venue that was asked for last."""

    def __init__(self, venue: str) -> None:
        """Ask nothing yet."""
        self._venue = venue
        self._from = self._until = 0
        self._date = ""

    def of(self, at: int) -> str:
        """Return the date (ISO) of the session that `at` (ns) belongs to."""
        if not self._from <= at < self._until:
            self._ask(at)
        return self._date

    def _ask(self, at: int) -> None:
        self._from = at // _MINUTE * _MINUTE
        self._until = self._from + _MINUTE
        moment = datetime.fromtimestamp(self._from // 10**9, UTC)
        try:
            session = session_at(self._venue, moment)
        except Error:  # the database has never answered: prices go on
            session = None
        self._date = (session.date if session else moment.date()).isoformat()
        if session is not None and moment < session.close:
            self._from, self._until = micros(session.open) * 1000, micros(session.close) * 1000
