"""Name what a market is doing: the phases of its day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from thor.timing.instants import EARLIEST, LATEST, earlier, later
from thor.timing.session import Session, Sessions

PRE_OPEN = timedelta(minutes=60)
PRE_CLOSE = timedelta(minutes=15)
POST_CLOSE = timedelta(hours=4)


class Phase(StrEnum):
    """Name one phase of a market's day."""

    closed = "closed"
    holiday = "holiday"
    pre_open = "pre_open"
    open = "open"
    break_ = "break"
    pre_close = "pre_close"
    post_close = "post_close"


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """Mark the stretch [start, end) in which a session is in one phase."""

    start: datetime
    end: datetime
    phase: Phase
    session_date: date


def phase_spans(
    sessions: Sessions, start: datetime, end: datetime, *, post_close: timedelta = POST_CLOSE
) -> list[PhaseSpan]:
    """List every phase other than closed and holiday that touches [start, end], whole, in order.

    Where two could hold, trading wins over a break, a break over the hour before an open, and that over the
    hours after a close: so a market that trades around the clock is never before its open.
    """
    listed = list(sessions.around(earlier(start, post_close), later(end, PRE_OPEN)))
    closes = [EARLIEST, *(s.close for s in listed)]
    opens = [*(s.open for s in listed[1:]), LATEST]
    return [
        span
        for session, last_close, next_open in zip(listed, closes, opens, strict=False)
        for span in _phases_of(session, last_close, next_open, post_close)
        if span.start < span.end and span.end > start and span.start <= end
    ]


def _phases_of(
    session: Session, last_close: datetime, next_open: datetime, post_close: timedelta
) -> Iterator[PhaseSpan]:
    """Yield the phases of one session between its neighbours, empty ones too."""
    pre_open = max(session.open - PRE_OPEN, last_close)
    yield PhaseSpan(pre_open, session.open, Phase.pre_open, session.date)
    yield from _trading_phases(session)
    limit = min(session.close + post_close, earlier(next_open, PRE_OPEN))
    yield PhaseSpan(session.close, limit, Phase.post_close, session.date)


def _trading_phases(session: Session) -> Iterator[PhaseSpan]:
    """Yield open, break and pre-close in order."""
    last_call = max(session.open, session.close - PRE_CLOSE)
    previous_end = session.open
    for span in session.trading_spans():
        yield PhaseSpan(previous_end, span.start, Phase.break_, session.date)
        yield PhaseSpan(span.start, min(span.end, last_call), Phase.open, session.date)
        yield PhaseSpan(max(span.start, last_call), span.end, Phase.pre_close, session.date)
        previous_end = span.end
