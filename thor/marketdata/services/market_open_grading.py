"""Grade the trades of a session's captures: first touch decides, over every tick.

no capture yet                  waiting: one that a run was asked for and did not make is tried again here
nothing pending                 nothing is read
closed, and the close has moved opened again: what the first close made neutral is judged on; it is closed again by the
                                pass at the new close, because the capture of the close runs once a session
the feed is behind              judged as far as it has promised; the next pass goes on from there
ticks are missing               `gaps`, and the event thor.grading.gap
"""

from datetime import date, datetime
from typing import Any

from thor.marketdata.bells import close_of, session_on
from thor.marketdata.models import Outcome, SessionCapture
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_open_capture import capture_if_awaited, switched_off


def grade_open(*, market: str, at: datetime, session_date: date | None = None) -> dict[str, Any]:
    """Judge the pending rows of a session by the ticks that are out; return what was decided and what is pending."""
    session = session_on(market, at, session_date)
    if session is None:
        return {"waiting": "open"}
    captured = SessionCapture.objects.filter(market=market, session_date=session.date).first()
    if captured is None:
        return switched_off(market) or capture_if_awaited(market=market, at=at, session_date=session.date)
    _reopen(captured)
    if at >= session.close and _was_closed(captured):
        return capture_close(market=market, at=at, session_date=session.date)
    if not captured.rows.filter(outcome=Outcome.PENDING).exists():
        return {"pending": 0}
    return told(captured)


def _reopen(captured: SessionCapture) -> None:
    """Open a session again that was closed too early, by what the calendar says now."""
    closes_at = close_of(captured) if captured.closed_at else None
    if captured.closed_at and closes_at and captured.closed_at < closes_at:
        from thor.marketdata.closing import reopen_if_moved  # here: it brings the kernels

        reopen_if_moved(captured, closes_at)


def _was_closed(captured: SessionCapture) -> bool:
    """Say whether a session that is open has been closed before: its rows still have the figures of that close."""
    return captured.closed_at is None and captured.rows.filter(session_close__isnull=False).exists()


def told(captured: SessionCapture) -> dict[str, Any]:
    """Grade a captured session and return it in the words of a run."""
    from thor.marketdata.grading import grade  # here: it brings the kernels

    found = grade(captured, close_of(captured))
    extra = {"decided": found.decided, "gaps": found.gaps, "waiting": found.waiting}
    return {"pending": found.pending, **{name: value for name, value in extra.items() if value}}
