"""Order at most once, whatever dies in between.

    plan_order     the order is a row: `planned`, its id follows from run, intent, symbol and side
    send_order     the switch is asked and the row says `sending`, in one transaction
                   the broker is asked, once; more often only where it said that it was asked too often
                   the row says what came of it: the broker's answer, or `unknown`

Who dies where                              what is left                       what happens next
    before the row is written               nothing                        the run's next attempt plans it
    after it                                `planned`: was never sent      the run's next attempt sends it, or it is
                                                                           dropped after ten minutes
    while the broker is asked, or before    `sending`: may have arrived    `settling` asks the broker by its id; it is
    the answer is written                                                  not sent again before the broker has said
                                                                           twice, late enough, that it has none
    two runs at once                        one row: the id is unique, and a symbol has one open order

A purchase leaves by its session's last half minute or not at all: what comes after the close is good for the next day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from thor.failpoints import reach
from thor.trading import journal
from thor.trading.booking import book_order, end_order
from thor.trading.brokers.port import (
    Accepted,
    Broker,
    BrokerUnreachable,
    Kind,
    OrderRequest,
    Outcome,
    Rejected,
    Side,
    Unknown,
)
from thor.trading.desk import hold
from thor.trading.models import Desk, Happening, Intent, IntentState, Order, Purpose, Refusal, State
from thor.trading.models.orders import OPEN
from thor.trading.records.printing import told_time
from thor.trading.switch import why_not

#: So short before its session closes a purchase is not sent any more: it has to arrive before the bell.
LAST: Final = timedelta(seconds=30)
SWITCH: Final = "trading_switch"
TOO_LATE: Final = "too_late"


def order_id(run: UUID, purpose: Purpose | str, session_date: object, leg: str, symbol: str, side: Side) -> str:
    """Return our id of an order: the same for the same wish of the same run."""
    return str(uuid5(run, f"{Purpose(purpose).value}:{session_date}:{leg}:{symbol}:{side.value}"))


def plan_order(
    intent: Intent,
    *,
    quantity: Decimal,
    kind: Kind,
    at: datetime,
    run: UUID,
    good_until: datetime | None,
    limit_price: Decimal | None = None,
    risk_amount: Decimal | None = None,
) -> Order | None:
    """Write an order down while the desk is held; nothing where its symbol has another one open.

    A second attempt of the same run gets the order of the first, whatever has become of it.
    """
    side = Side.SELL if Purpose(intent.purpose).is_exit else Side.BUY
    key = order_id(run, intent.purpose, intent.session_date, kind.value, intent.symbol, side)
    known = Order.objects.filter(client_order_id=key).first()
    if known is not None:
        return known
    if Order.objects.filter(symbol=intent.symbol, state__in=OPEN).exists():
        return None
    intent.state, intent.updated_at = IntentState.WORKING.value, at
    intent.save(update_fields=["state", "updated_at"])
    return Order.objects.create(
        client_order_id=key, intent=intent, run=run, symbol=intent.symbol, side=side.value, kind=kind.value,
        quantity=quantity, limit_price=limit_price, purpose=intent.purpose, risk_amount=risk_amount, planned_at=at,
        good_until=good_until, updated_at=at,
    )  # fmt: skip


def send_order(order: Order, *, broker: Broker, at: datetime, now: Callable[[], datetime] | None = None) -> Order:
    """Send a planned order, or one that is certainly absent again under its old id; return it as it is then.

    An order in any other state is left alone: it was sent before, or is over. `now` tells what time it is once the desk
    is held, which may be long after `at` where many orders are sent; without it, it is `at`.
    """
    reach("planned")
    is_again = _take(order, now or (lambda: at))
    if is_again is None:
        return Order.objects.get(pk=order.pk)
    reach("sending")
    outcome = broker.submit(_request(order))
    reach("submitted")
    if isinstance(outcome, Rejected) and is_again:
        outcome = _after_refusal(order, outcome, broker)
    return _write_down(order, outcome, at=max(at, now()) if now else at)


def cancel_order(order: Order, *, broker: Broker, at: datetime) -> Order:
    """Ask the broker to cancel an order that it has; it is over only when the broker says so."""
    with hold():
        Order.objects.filter(pk=order.pk).update(cancel_asked_at=at)
    reach("cancelling")
    outcome = broker.cancel(order.client_order_id)
    reach("cancelled")
    if isinstance(outcome, Accepted):
        return book_order(order, outcome.order, at=at)
    return Order.objects.get(pk=order.pk)  # refused or not known: the next question tells


def _take(order: Order, now: Callable[[], datetime]) -> bool | None:
    """Say `sending`; return whether it is sent again, or nothing where it may not be sent."""
    with hold() as desk:
        at = now()
        row = Order.objects.select_related("intent").get(pk=order.pk)
        if row.state not in (State.PLANNED, State.ABSENT):
            return None
        if reason := why_not(row.purpose, desk):
            _drop(row, SWITCH, reason, desk, at)
            return None
        if row.side == Side.BUY and row.good_until is not None and at >= row.good_until - LAST:
            _drop(row, TOO_LATE, f"at {told_time(at)} it would be good for the next session", desk, at)
            return None
        is_again = row.state == State.ABSENT
        row.state, row.sent_at, row.updated_at = State.SENDING.value, at, at
        row.save(update_fields=["state", "sent_at", "updated_at"])
    return is_again


def _drop(order: Order, gate: str, reason: str, desk: Desk, at: datetime) -> None:
    """End an order that may not be sent any more; one that may have arrived before is still looked after."""
    Refusal.objects.get_or_create(
        run=order.run, symbol=order.symbol, gate=gate,
        defaults={
            "at": at, "session_date": order.intent.session_date, "side": order.side, "reason": reason[:300],
            "strategy_id": order.intent.strategy_id, "figures": {"switch": desk.switch},
        },
    )  # fmt: skip
    if order.state == State.PLANNED:
        end_order(order, State.DROPPED, reason, at)


def _request(order: Order) -> OrderRequest:
    return OrderRequest(
        order.client_order_id, order.symbol, Side(order.side), order.quantity, Kind(order.kind), order.limit_price
    )


def _after_refusal(order: Order, refused: Rejected, broker: Broker) -> Outcome:
    """Say what the refusal of a second request means: why it came may be that the first has arrived after all.

    A sale that the broker refuses and still does not have is refused: nothing else of its symbol could be sold else. A
    purchase stays in doubt, since a second one would be too much.
    """
    unknown = Unknown(f"sent again, and refused: {refused.reason}")
    try:
        told = broker.order(order.client_order_id)
    except BrokerUnreachable:
        return unknown
    if told is not None:
        return Accepted(told)
    return refused if order.side == Side.SELL else unknown


def _write_down(order: Order, outcome: Outcome, *, at: datetime) -> Order:
    if isinstance(outcome, Accepted):
        return book_order(order, outcome.order, at=at)
    with hold():
        row = Order.objects.select_related("intent").get(pk=order.pk)
        if row.state != State.SENDING:
            return row  # somebody has asked meanwhile, and knows more
        if isinstance(outcome, Rejected):
            end_order(row, State.REJECTED, outcome.reason, at)
        else:
            note_unknown(row, outcome.reason, at)
    return row


def note_unknown(order: Order, reason: str, at: datetime) -> None:
    """Say that nobody knows whether the broker has an order; until it is settled its symbol gets no other."""
    order.state, order.reason, order.updated_at = State.UNKNOWN.value, reason[:300], at
    order.absences = 0
    order.save(update_fields=["state", "reason", "updated_at", "absences"])
    journal.record(
        Happening.UNKNOWN, at=at, key=f"{order.client_order_id}:unknown:{order.sent_at}", symbol=order.symbol,
        run=order.run, order=order.client_order_id, reason=reason,
    )  # fmt: skip
