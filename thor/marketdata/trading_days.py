"""Say to which session of its venue an instant belongs."""

from datetime import datetime

from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable
from thor.timing.session import Session


def session_at(venue: str, at: datetime) -> Session | None:
    """Return the session that runs at `at`, breaks included, or else the last one before it.

    What is known between two sessions belongs to the one that has ended. None where the venue has no sessions: it is no
    market, or its calendar cannot be read.
    """
    try:
        near = sessions_of(venue).around(at, at)
    except (UnknownMarket, CalendarUnavailable):
        return None
    begun = [session for session in near if session.open <= at]
    return begun[-1] if begun else None
