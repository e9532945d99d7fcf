"""Carry out, in the half hour after the open, what was decided after the close before.

the window runs        what is planned is ordered: a limit that the market pays now, for the day; what is forced goes at
                       the market price. A refused order is followed by a new one of the next minute's run.
its last two minutes   a limit that is not filled is cancelled, and what is left goes at the market price once the
                       broker says that the limit is over
its last minute        what is neither sold nor on its way at the market price is carried over to the next session,
                       with `SWING_EXIT_UNFILLED` for people; so is what no window saw, since nothing ran

Nothing is sold twice: a symbol has one open order, and what the broker may have is asked for before anything else. A
position, a trade and its profit are booked when the broker says what was filled, never when it was ordered.
"""

import logging
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from thor.env import env
from thor.trading.boundary import Boundary, recorded
from thor.trading.brokers.port import Broker, Kind
from thor.trading.desk import hold
from thor.trading.exits import EXIT_PLANNED, carry_over, open_exits
from thor.trading.hours import last_session, session_before
from thor.trading.models import Intent, IntentState, State
from thor.trading.selling import OPEN_ORDER, SENT, Seller, holdings, is_market_sale, open_order
from thor.trading.settling import settle_orders
from thor.trading.wordings import exit_intents_executed

logger = logging.getLogger("thor.trading")

#: How often the job runs.
PERIOD: Final = timedelta(minutes=1)
#: So long before the end of the window limits become market orders: two runs, so that a cancellation has time.
FINISH: Final = 2 * PERIOD


def execute_exit_intents(
    *, broker: Broker, at: datetime, run: UUID, following: datetime | None = None
) -> dict[str, Any]:
    """Carry out every wish to sell, each once; return how many orders were sent, and what became of the others.

    `following` is when the job comes next: where the window is over by then this is its last run, however seldom
    somebody has it come.
    """
    session = last_session(at)
    if session is None or at >= session.close:
        return {"skipped": "the market is closed"}
    with recorded(at):
        _note_missed(session.date, at, run)
        wanted = open_exits()
        if not wanted:
            return {"executed": 0}
        settle_orders(broker=broker, at=at)
        boundary, seller = Boundary(at=at, run=run), Seller(broker, holdings(broker), at, run)
        left = _left(at - session.open)
        if following is not None and _left(following - session.open) <= timedelta(0):
            left = min(left, PERIOD)
        outcomes: dict[str, str] = {}
        for intent in open_exits():
            with boundary.around(intent.symbol):
                outcomes[intent.symbol] = _carry_out(intent, seller, left, session.date)
        return _told(outcomes, session.date) | boundary.told()


def _left(passed: timedelta) -> timedelta:
    """Return how much of the window is left."""
    return timedelta(minutes=env().swing_exit_execution_window_end_min) - passed


def _carry_out(intent: Intent, seller: Seller, left: timedelta, day: date) -> str:
    if intent.exit_state != EXIT_PLANNED:
        return seller.sell(intent, Kind.MARKET)
    outcome = _finish(intent, seller) if left <= _finish_from() else seller.sell(intent, Kind.LIMIT)
    if left <= PERIOD and not _is_on_its_way(intent):
        with hold():
            row = Intent.objects.get(pk=intent.pk)
            if row.state in (IntentState.PLANNED, IntentState.WORKING):
                carry_over(row, day, at=seller.at, run=seller.run)
                return "carried"
    return outcome


def _finish_from() -> timedelta:
    """Return how long before the end limits become market orders; half the window where it is very short."""
    length = env().swing_exit_execution_window_end_min - env().swing_exit_execution_window_start_min
    return min(FINISH, timedelta(minutes=length) / 2)


def _finish(intent: Intent, seller: Seller) -> str:
    """Have a limit that was not filled ended, and what is left sold at the market price."""
    if reason := seller.clear_way(intent):
        return reason
    return seller.sell(intent, Kind.MARKET)


def _is_on_its_way(intent: Intent) -> bool:
    """Tell whether the position is sold, or a market order of it is at the broker."""
    row = Intent.objects.get(pk=intent.pk)
    if row.state not in (IntentState.PLANNED, IntentState.WORKING):
        return True
    order = open_order(intent.symbol)
    return order is not None and is_market_sale(order) and order.state not in (State.PLANNED, State.ABSENT)


def _note_missed(day: date, at: datetime, run: UUID) -> None:
    """Carry over what should have been sold in the session before, of which no window saw the end."""
    before = session_before(day)
    missed = [one for one in open_exits() if before and one.session_date < before]
    if not missed or before is None:
        return
    with hold():
        for intent in missed:
            carry_over(intent, before, at=at, run=run)


def _told(outcomes: dict[str, str], day: date) -> dict[str, Any]:
    executed = sum(outcome == SENT for outcome in outcomes.values())
    if executed:
        logger.info(exit_intents_executed(executed))
    others = {symbol: outcome for symbol, outcome in outcomes.items() if outcome not in (SENT, OPEN_ORDER)}
    return {"session": day.isoformat(), "executed": executed, **({"others": others} if others else {})}
