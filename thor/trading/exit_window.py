"""Say how much is left of a session's window of exits, and carry over what was not sold in it.

Whoever sees the window's end first does that: its last run, whether the broker answers or not, else the first poll of
orders after it, else the window of the next session.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from thor.env import env
from thor.timing import Session
from thor.trading.desk import hold
from thor.trading.exits import OPEN, carry_over, open_exits
from thor.trading.hours import last_session
from thor.trading.models import Intent, Purpose, State
from thor.trading.selling import is_market_sale, open_order

#: How often the job runs.
PERIOD: Final = timedelta(minutes=1)
#: So long before the end of the window limits become market orders: two runs, so that a cancellation has time.
FINISH: Final = 2 * PERIOD


def left_of(session: Session, at: datetime) -> timedelta:
    """Return how much of the window is left; less than nothing after it."""
    return _end(session) - at


def finish_from() -> timedelta:
    """Return how long before the end limits become market orders; half the window where it is very short."""
    length = env().swing_exit_execution_window_end_min - env().swing_exit_execution_window_start_min
    return min(FINISH, timedelta(minutes=length) / 2)


def carry_over_since(*, at: datetime, run: UUID) -> list[str]:
    """Carry over what the window of the session that is on, or was last, has left, where that window is over.

    Its last run may still be at work then, between a limit that it cancels and the market order: it gets `FINISH` more.
    """
    session = last_session(at)
    return carry_unfinished(session, at=at, run=run) if session and left_of(session, at) <= -FINISH else []


def carry_unfinished(session: Session, *, at: datetime, run: UUID) -> list[str]:
    """Carry over what was to be sold in a session's window and is neither sold nor on its way; return new symbols.

    It asks the journal alone, so a broker that is silent does not hide it. An emergency has no window, and what was
    decided after this one was never in it.
    """
    wished = [one for one in open_exits() if one.purpose == Purpose.EXIT and one.decided_at < _end(session)]
    unfinished = [one for one in wished if not _is_on_its_way(one)]
    if not unfinished:
        return []
    carried = []
    with hold():
        for intent in unfinished:
            row = Intent.objects.get(pk=intent.pk)
            if row.state in OPEN and carry_over(row, session.date, at=at, run=run):
                carried.append(row.symbol)
    return carried


def _end(session: Session) -> datetime:
    return session.open + timedelta(minutes=env().swing_exit_execution_window_end_min)


def _is_on_its_way(intent: Intent) -> bool:
    """Tell whether a market order of the position is at the broker, or may be."""
    order = open_order(intent.symbol)
    return order is not None and is_market_sale(order) and order.state not in (State.PLANNED, State.ABSENT)
