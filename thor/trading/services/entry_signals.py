"""Look for entries once a session, before its close, and order what passes every gate.

universe ──► features ──► strategies ──► intents, written down ──► gates, one wish after the other ──► orders

Nothing is decided twice in a session: who comes after a death goes on with what was written down, and sends what was
planned and not sent. Surest wishes come first, and each knows of those before it: what they cost, and their places.

A run does not end while nobody knows whether the broker has one of its orders: it comes again, asks, and sends what
the broker certainly does not have once more, under its old id. Nobody else would, so the purchase would be missing.
A symbol that failed fails the run as well, once all the others were worked on: the run comes again, and takes up what
is still planned.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from thor.errors import ThorError
from thor.timing import Session
from thor.trading.boundary import Boundary, recorded
from thor.trading.brokers.port import Broker
from thor.trading.buying import SENT, Buyer, send_unsent
from thor.trading.entries import ENTRIES, decide_entries, end_over, intents_of
from thor.trading.hours import session_for
from thor.trading.imported import already_ran
from thor.trading.models import Intent, IntentState, Order, State
from thor.trading.ordering import LAST
from thor.trading.settings import limits
from thor.trading.settling import UNSETTLED, settle_orders
from thor.trading.wordings import entry_window_reached

logger = logging.getLogger("thor.trading")

#: What is not yet the broker's, or may not be.
IN_DOUBT: Final = (State.PLANNED, *UNSETTLED)


class OrdersInDoubt(ThorError):
    """Nobody knows whether the broker has an order of this session."""


class NotInTime(ThorError):
    """The session came to its end before every symbol was decided."""


def generate_entries(
    *,
    broker: Broker,
    at: datetime,
    run: UUID,
    session_date: date | None = None,
    now: Callable[[], datetime] | None = None,
) -> dict[str, Any]:
    """Decide and order the purchases of a session; return what was wanted, sent and refused.

    `now` is asked as each order leaves, since a cycle may last until after the close; without it, it is `at`.
    Raises `BrokerUnreachable`, `NothingToJudge`, `OrdersInDoubt`, and `SomeFailed` or `NothingWorked` for symbols that
    failed: whoever calls tries again while the window lasts.
    """
    end_over(at)
    session = session_for(at)
    if session is None or not session.open <= at < session.close - LAST or session_date not in (None, session.date):
        _refuse_unfinished(session_date)
        return {"skipped": "the session is over, or has not begun"}
    if already_ran("entry", session.date, at):
        return {"skipped": "the scheduler of old has done it"}
    if not intents_of(session.date):
        logger.info(entry_window_reached())
    boundary = Boundary(at=at, run=run)
    with recorded(at):
        told = _run_cycle(broker, session, at, boundary, run, now)
    _refuse_doubt(session.date)
    boundary.refuse_failures()
    return told


def _run_cycle(
    broker: Broker,
    session: Session,
    at: datetime,
    boundary: Boundary,
    run: UUID,
    now: Callable[[], datetime] | None,
) -> dict[str, Any]:
    rules = limits()
    settle_orders(broker=broker, at=at)
    intents = decide_entries(at=at, run=run, session_date=session.date, limits=rules)
    again = [] if rules.observation_only else send_unsent(intents, broker=broker, at=at, now=now)
    outcomes: dict[str, str] = dict.fromkeys(again, SENT)
    waiting = [one for one in intents if one.state == IntentState.PLANNED]
    if waiting:
        buyer = Buyer(broker, waiting, session, at=at, rules=rules, now=now)
        for intent in waiting:
            with boundary.around(intent.symbol):
                outcomes[intent.symbol] = buyer.buy(intent)
    return _told(session, intents, outcomes)


def _refuse_doubt(session_date: date) -> None:
    """Raise where an order of the session has not certainly come to the broker."""
    orders = Order.objects.filter(purpose__in=ENTRIES, intent__session_date=session_date, state__in=IN_DOUBT)
    doubtful = [f"{one.symbol} ({one.state})" for one in orders.order_by("symbol")]
    if doubtful and not limits().observation_only:
        raise OrdersInDoubt(f"it is not known yet whether the broker has the orders for {', '.join(doubtful)}")


def _refuse_unfinished(session_date: date | None) -> None:
    """Raise where the session is all but over and earlier attempts have not come to an end with every symbol."""
    if session_date is None:
        return
    left = sorted(one.symbol for one in intents_of(session_date) if one.state == IntentState.PLANNED)
    if left:
        raise NotInTime(f"what failed before could not be tried again in time: {', '.join(left)}")
    _refuse_doubt(session_date)


def _told(session: Session, intents: list[Intent], outcomes: dict[str, str]) -> dict[str, Any]:
    sent = sorted(symbol for symbol, outcome in outcomes.items() if outcome == SENT)
    refused = Counter(outcome for outcome in outcomes.values() if outcome != SENT)
    return {"session": session.date.isoformat(), "wanted": len(intents), "sent": sent, "refused": dict(refused)}
