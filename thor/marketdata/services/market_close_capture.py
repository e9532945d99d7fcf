"""Capture a close: the figures of the session, and the end of what is still pending.

nobody captured the open        waiting for capture: what was not captured is not made up afterwards
the feed is behind              what is there is written, incomplete; pending rows wait; a later run completes it
ticks are missing               what is there is written, incomplete; the next two weeks look whether bars have come
the close was moved             it is captured again by the last pass of grading, at that close, or before the next
                                open; what was touched stays decided
the session was called off      it closed with the bell that called it off
a session before is not closed  it is closed first, here and in the minute before the next open
"""

from datetime import date, datetime, timedelta
from typing import Any, Final

from thor.marketdata.bells import close_of, session_on
from thor.marketdata.models import Outcome, SessionCapture
from thor.marketdata.waiting import PATIENCE
from thor.markets.registry import market as market_of

#: How far back sessions are looked for that are not closed.
REACH: Final = timedelta(days=14)


def capture_close(
    *, market: str, at: datetime, session_date: date | None = None, patience: timedelta = PATIENCE
) -> dict[str, Any]:
    """Close a session once, and what was left open before it; return what was written or why not."""
    session = session_on(market, at, session_date)
    day = session.date if session else session_date
    if day is None:
        return {"waiting": "close"}
    settled = settle_before(market=market, session_date=day, at=at)
    captured = SessionCapture.objects.filter(market=market, session_date=day).first()
    told = {"waiting": "capture"} if captured is None else _close(captured, at, patience)
    told |= _finalize(market, at, day)
    return {**told, **({"settled": settled} if settled else {})}


def settle_before(*, market: str, session_date: date, at: datetime | None = None) -> dict[str, Any]:
    """Close the sessions before a date that are not closed as they should be; return what was done, by date."""
    near = SessionCapture.objects.filter(
        market=market, session_date__lt=session_date, session_date__gte=session_date - REACH
    )
    return {
        captured.session_date.isoformat(): _close(captured, at, timedelta(0))
        for captured in near.order_by("session_date")
        if not _is_settled(captured)
    }


def _is_settled(captured: SessionCapture) -> bool:
    """Say whether a session is closed completely, and when the calendar says by now."""
    closes_at = close_of(captured)
    if _wanted(captured.market):
        return captured.closed_at == closes_at and not captured.incomplete
    is_judged = captured.graded_until is not None and captured.graded_until >= closes_at
    return is_judged and not captured.rows.filter(outcome=Outcome.PENDING).exists()


def _close(captured: SessionCapture, at: datetime | None, patience: timedelta) -> dict[str, Any]:
    # Here, not above: it brings the kernels.
    from thor.marketdata import closing

    closes_at = close_of(captured)
    if at is not None and at < closes_at:
        return {"waiting": "close"}
    if captured.closed_at == closes_at and not captured.incomplete:
        return {"already": closes_at.isoformat()}
    closing.reopen_if_moved(captured, closes_at)
    ended = closing.end_grading(captured, closes_at, patience)
    incomplete = bool(ended.behind) or not ended.is_complete or ended.has_gaps
    found: dict[str, Any] = {"at": closes_at.isoformat()}
    if _wanted(captured.market):
        found["rows"] = closing.write_close(captured, closes_at, incomplete=incomplete)
    extra = {"decided": ended.decided, "gaps": ended.gaps, "waiting": ended.behind, "incomplete": incomplete}
    return {**found, **{name: value for name, value in extra.items() if value}}


def _wanted(market: str) -> bool:
    row = market_of(market)
    return row.capture_futures and row.capture_close


def _finalize(market: str, at: datetime, day: date) -> dict[str, Any]:
    """Freeze the 24-hour session that ends with this close; its rows give the captures of the day their close."""
    from thor.marketdata.rolling import CLOSES
    from thor.marketdata.services.rolling_24h import finalize_24h

    return {"rolling_24h": finalize_24h(at=at, session_date=day)} if market == CLOSES[0] else {}
