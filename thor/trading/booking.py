"""Book what a broker tells of an order: each fill once, and with it the position, the trade and the journal.

A broker tells of an order as a whole: how much of it is filled, at which average price. What is new in that is one
fill, up to the cumulative quantity that it reaches; so an answer that comes twice, late, or in two processes at once is
booked once. The price of a fill is what its own part of the average must have been, to four places.

What the broker has told as final stays so, whatever an older answer says. What only the desk has given up, as refused
or as never arrived, is taken up again once the broker tells of it.

An answer with less filled than is booked is an older one, unless it is final: then a fill was taken back. The order
ends by it, people hear of it, and reconciliation brings the position to what is held.
"""

from dataclasses import replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final

from thor.trading import journal, positions
from thor.trading.brokers.port import BrokerOrder, Standing
from thor.trading.desk import hold
from thor.trading.models import Fill, Happening, IntentState, Order, Purpose, State
from thor.trading.models.orders import OPEN

#: What the broker's standing is for the desk.
STATES: Final = {
    Standing.WORKING: State.WORKING,
    Standing.PARTIAL: State.PARTIAL,
    Standing.FILLED: State.FILLED,
    Standing.CANCELLED: State.CANCELLED,
    Standing.EXPIRED: State.EXPIRED,
    Standing.REJECTED: State.REJECTED,
}
FINAL: Final = (State.FILLED, State.CANCELLED, State.EXPIRED, State.REJECTED)
#: Ends that the desk may have come to by itself: without an id of the broker's it has never told of the order.
GIVEN_UP: Final = (State.DROPPED, State.REJECTED)
#: To six places quantities are kept; what the broker has filled beyond them is too little to be told apart.
PLACES: Final = Decimal("0.000001")
#: States of intents that are still wanted.
IN_HAND: Final = (IntentState.PLANNED, IntentState.WORKING)


def book_order(order: Order, told: BrokerOrder, *, at: datetime) -> Order:
    """Book what the broker tells of an order, and return it as it is then."""
    with hold():
        row = Order.objects.select_related("intent").get(pk=order.pk)
        told = replace(told, filled_quantity=told.filled_quantity.quantize(PLACES, ROUND_DOWN))
        if not _is_of(row, told, at):
            return row
        if told.filled_quantity < row.filled_quantity:
            _end_with_less(row, told, at)
        else:
            is_over, is_more = _is_over(row), told.filled_quantity > row.filled_quantity
            _note_submitted(row, told, at)
            if is_more:
                _book_fill(row, told)
            if not is_over:
                _follow(row, told, at)
            elif is_more:
                _settle_intent(row, told.reason, at)
    return row


def end_order(order: Order, state: State, reason: str, at: datetime) -> None:
    """End an order while the desk is held: nothing more comes of it, and its intent goes on without it."""
    order.state, order.reason, order.updated_at = state.value, reason[:300], at
    order.save(update_fields=["state", "reason", "updated_at"])
    kind = Happening.REJECTED if state is State.REJECTED else Happening.ENDED
    if state is not State.FILLED:
        journal.record(
            kind, at=at, key=f"{order.client_order_id}:{state.value}", symbol=order.symbol, run=order.run,
            order=order.client_order_id, state=state.value, filled=order.filled_quantity, reason=reason,
        )  # fmt: skip
    _settle_intent(order, reason, at)


def _is_of(order: Order, told: BrokerOrder, at: datetime) -> bool:
    """Tell whether an answer is about this order at all, and can be true."""
    same = (told.client_order_id, told.symbol, told.side) == (order.client_order_id, order.symbol, order.side)
    if same and told.filled_quantity <= order.quantity and (told.filled_quantity == 0 or told.filled_average_price):
        return True
    journal.record(
        Happening.ALERT, at=at, key=f"{order.client_order_id}:odd:{told.filled_quantity}", symbol=order.symbol,
        run=order.run, order=order.client_order_id, reason="the broker tells of this order what cannot be",
        told=f"{told.side} {told.filled_quantity}/{told.quantity} {told.symbol} {told.status}",
    )  # fmt: skip
    return False


def _end_with_less(order: Order, told: BrokerOrder, at: datetime) -> None:
    """End an order by a final answer, of which less is filled than was booked; what was booked stays as it is."""
    if not told.standing.is_final:
        return
    key = f"{order.client_order_id}:shrunk:{told.filled_quantity.normalize():f}"
    journal.record(
        Happening.ALERT, at=at, key=key, symbol=order.symbol, run=order.run, order=order.client_order_id,
        booked=order.filled_quantity, told=told.filled_quantity,
        reason="the broker has taken back a fill that is booked; reconciliation corrects the position",
    )  # fmt: skip
    if not _is_over(order):
        _note_submitted(order, told, at)
        _follow(order, told, at)


def _note_submitted(order: Order, told: BrokerOrder, at: datetime) -> None:
    order.broker_order_id, order.broker_status = told.id[:64], told.status[:40]
    journal.record(
        Happening.SUBMITTED, at=at, key=f"{order.client_order_id}:submitted", symbol=order.symbol, run=order.run,
        order=order.client_order_id, side=order.side, quantity=order.quantity, order_type=order.kind,
        limit_price=order.limit_price, purpose=order.purpose, broker_order=told.id,
    )  # fmt: skip


def _book_fill(order: Order, told: BrokerOrder) -> None:
    assert told.filled_average_price is not None  # noqa: S101 - `_is_of` has looked
    quantity = told.filled_quantity - order.filled_quantity
    value = told.filled_average_price * told.filled_quantity - order.filled_value
    price = positions.money(value / quantity)
    if price <= 0:  # the average is rounded at the broker: it says nothing of so small a part
        price = positions.money(told.filled_average_price)
    fill = Fill.objects.create(
        order=order, quantity=quantity, cumulative=told.filled_quantity, price=price, at=told.updated_at
    )
    order.filled_quantity = told.filled_quantity
    order.filled_value += positions.money(quantity * price)
    order.save(update_fields=["filled_quantity", "filled_value"])
    journal.record(
        Happening.FILLED, at=fill.at, key=f"{order.client_order_id}:filled:{fill.cumulative:f}", symbol=order.symbol,
        run=order.run, order=order.client_order_id, side=order.side, quantity=quantity, price=price,
        filled=fill.cumulative, of=order.quantity,
    )  # fmt: skip
    positions.apply_fill(order, fill)


def _is_over(order: Order) -> bool:
    """Tell whether the broker has told that the order is over."""
    return order.state in FINAL and bool(order.broker_order_id)


def _follow(order: Order, told: BrokerOrder, at: datetime) -> None:
    """Take over where the order stands."""
    state = STATES[told.standing]
    order.absences = 0
    order.save(update_fields=["broker_order_id", "broker_status", "absences"])
    if order.state in GIVEN_UP and not _take_up_again(order, state, at):
        return
    if state in FINAL:
        end_order(order, state, told.reason, at)
    elif order.state != state:
        order.state, order.reason, order.updated_at = state.value, told.reason[:300], at
        order.save(update_fields=["state", "reason", "updated_at"])


def _take_up_again(order: Order, state: State, at: datetime) -> bool:
    """Say that an order turned up that was given up; return whether it can be followed, beside what came after it."""
    journal.record(
        Happening.ALERT, at=at, key=f"{order.client_order_id}:turned_up", symbol=order.symbol, run=order.run,
        order=order.client_order_id, reason=f"the broker has this order, which was {order.state}: {order.reason}",
    )  # fmt: skip
    if state not in FINAL and Order.objects.filter(symbol=order.symbol, state__in=OPEN).exists():
        return False
    intent = order.intent
    given_up = (IntentState.PLANNED,) if Purpose(intent.purpose).is_exit else (IntentState.CANCELLED,)
    if intent.state in given_up:
        intent.state, intent.updated_at = IntentState.WORKING.value, at
        intent.save(update_fields=["state", "updated_at"])
    return True


def _settle_intent(order: Order, reason: str, at: datetime) -> None:
    """Say what the end of an order means for what was wanted.

    A purchase is over, or done with what was bought, even if that comes after it was given up. A sale that has not sold
    everything is wanted again.
    """
    intent = order.intent
    from_states: tuple[IntentState, ...] = IN_HAND
    state, outcome = IntentState.CANCELLED, reason or order.state
    if Purpose(intent.purpose).is_exit:
        if positions.open_position(order.symbol) is None:
            state, outcome = IntentState.DONE, "sold"
        elif intent.orders.filter(state__in=OPEN).exists():
            return  # another order is at it
        else:
            state = IntentState.PLANNED
    elif order.filled_quantity > 0:
        from_states, state, outcome = (*IN_HAND, IntentState.CANCELLED), IntentState.DONE, "bought"
    if intent.state in from_states:
        intent.state, intent.outcome, intent.updated_at = state.value, outcome[:300], at
        intent.save(update_fields=["state", "outcome", "updated_at"])
