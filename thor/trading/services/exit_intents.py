"""Carry out, in the half hour after the open, what was decided after the close before.

the window runs        what is planned is ordered: a limit that the market pays now, for the day; what is forced goes at
                       the market price. A refused order is followed by a new one of the next minute's run.
its last two minutes   a limit that is not filled is cancelled, and what is left goes at the market price once the
                       broker says that the limit is over; so in its last run, however short the window is
its last run           what is neither sold nor on its way at the market price is carried over to the next session,
                       with `SWING_EXIT_UNFILLED` for people, also where the broker is silent or refuses what is
                       forced; so is what no window saw, since nothing ran (`exit_window`)

Nothing is sold twice: a symbol has one open order, and what the broker may have is asked for before anything else. A
position, a trade and its profit are booked when the broker says what was filled, never when it was ordered.
"""

import logging
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from thor.timing import Session
from thor.trading.boundary import Boundary, recorded
from thor.trading.brokers.port import Broker, Kind
from thor.trading.desk import hold
from thor.trading.exit_window import PERIOD, carry_unfinished, finish_from, left_of
from thor.trading.exits import EXIT_PLANNED, carry_over, open_exits
from thor.trading.hours import last_session, session_before
from thor.trading.models import Intent
from thor.trading.selling import OPEN_ORDER, SENT, Seller, holdings
from thor.trading.settling import settle_orders
from thor.trading.wordings import exit_intents_executed

logger = logging.getLogger("thor.trading")

CARRIED: Final = "carried"


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
        if not open_exits():
            return {"executed": 0}
        is_last = left_of(session, at) <= PERIOD or _is_over(session, following)
        boundary, outcomes = Boundary(at=at, run=run), dict[str, str]()
        try:
            settle_orders(broker=broker, at=at)
            seller = Seller(broker, holdings(broker), at, run)
            finishes = is_last or left_of(session, at) <= finish_from()
            for intent in open_exits():
                with boundary.around(intent.symbol):
                    outcomes[intent.symbol] = _carry_out(intent, seller, finishes=finishes)
        finally:
            if is_last:  # whatever the broker says, or does not: nobody comes again in this window
                outcomes |= dict.fromkeys(carry_unfinished(session, at=at, run=run), CARRIED)
        return _told(outcomes, session.date) | boundary.told()


def _is_over(session: Session, following: datetime | None) -> bool:
    """Tell whether the window is over when the job comes next; not where nobody knows when that is."""
    return following is not None and left_of(session, following) <= timedelta(0)


def _carry_out(intent: Intent, seller: Seller, *, finishes: bool) -> str:
    if intent.exit_state != EXIT_PLANNED:
        return seller.sell(intent, Kind.MARKET)
    return _finish(intent, seller) if finishes else seller.sell(intent, Kind.LIMIT)


def _finish(intent: Intent, seller: Seller) -> str:
    """Have a limit that was not filled ended, and what is left sold at the market price."""
    if reason := seller.clear_way(intent):
        return reason
    return seller.sell(intent, Kind.MARKET)


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
