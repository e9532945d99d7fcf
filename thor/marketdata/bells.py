"""Find the session of a control market that a job is about, and when a captured session closes."""

from datetime import date, datetime

from thor.marketdata.models import SessionCapture
from thor.markets.models import Transition
from thor.markets.sessions import sessions_of
from thor.markets.transitions import CLOSES
from thor.timing.session import Session


def session_on(market: str, at: datetime, session_date: date | None) -> Session | None:
    """Return the market's session of a date, or without a date the one that runs at `at` or last ran before it."""
    if session_date is not None:
        return sessions_of(market).on(session_date)
    begun = [session for session in sessions_of(market).around(at, at) if session.open <= at]
    return begun[-1] if begun else None


def coming_session(market: str, at: datetime, session_date: date | None) -> Session | None:
    """Return the market's session of a date, or without a date the first one that opens after `at`."""
    if session_date is not None:
        return sessions_of(market).on(session_date)
    return next((session for session in sessions_of(market).around(at, at) if session.open > at), None)


def close_of(captured: SessionCapture) -> datetime:
    """Return when a captured session closes, by the hours as they are by now.

    A session that was taken out of the calendar after its open was closed by the bell that called it off; where no bell
    is known, it ended where it was last judged.
    """
    session = sessions_of(captured.market).on(captured.session_date)
    if session is not None:
        return session.close
    bells = Transition.objects.filter(
        market__key=captured.market, session_date=captured.session_date, kind__in=CLOSES, at__gte=captured.captured_at
    )
    rung = bells.order_by("at").values_list("at", flat=True).first()
    return rung or captured.closed_at or captured.graded_until or captured.captured_at
