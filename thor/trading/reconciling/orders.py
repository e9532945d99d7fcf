"""Step 6: orders that are open at the broker, against those that the journal has."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from thor.trading.brokers.port import BrokerOrder
from thor.trading.models import Order, State
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.settling import IN_FLIGHT

#: An order that is open for longer is stale.
STALE: Final = timedelta(minutes=60)

#: From when on an order can be filled that was submitted at an instant.
Begins = Callable[[datetime], datetime]


def judge_open_orders(
    orders: Sequence[BrokerOrder], ours: Mapping[str, Order], *, at: datetime, begins: Begins = lambda at: at
) -> Iterator[Finding]:
    """Give what is wrong with the broker's open orders; `ours` are the journal's by our id.

    An order that was submitted after the close waits for the next open by design: its age counts from there.
    """
    for order in orders:
        yield from _judge(order, ours.get(order.client_order_id), at, begins(order.submitted_at))
    for symbol, number in Counter(order.symbol for order in orders).items():
        if number > 1:
            yield Finding(Level.WARNING, "duplicate_orders", f"{symbol} has {number} open orders", symbol)


def judge_unreadable(reasons: Mapping[str, str]) -> Iterator[Finding]:
    """Give the broker's open orders that cannot be read, by its id of them: they are not the desk's."""
    for number, reason in reasons.items():
        yield Finding(Level.WARNING, "order_unreadable", f"the open order {number}: {reason}", about=number)


def judge_unsettled(orders: Iterable[Order], *, at: datetime) -> Iterator[Finding]:
    """Give the journal's orders of which nobody knows whether the broker has them; not those that are being sent."""
    for order in orders:
        is_in_flight = order.state == State.SENDING and order.sent_at is not None and at - order.sent_at < IN_FLIGHT
        if order.state in (State.SENDING, State.UNKNOWN, State.ABSENT) and not is_in_flight:
            text = f"whether the broker has the order to {order} is not known ({order.state}): {order.client_order_id}"
            yield Finding(Level.WARNING, "order_unknown", text, order.symbol, order.client_order_id)


def _judge(told: BrokerOrder, ours: Order | None, at: datetime, since: datetime) -> Iterator[Finding]:
    name = f"{told.side} {told.quantity.normalize():f} {told.symbol}"
    about = told.client_order_id
    if ours is None:
        text = f"the open order to {name} is not the desk's: {about}"
        yield Finding(Level.WARNING, "order_not_ours", text, told.symbol, about)
    elif (told.side, told.symbol, told.quantity) != (ours.side, ours.symbol, ours.quantity):
        text = f"the order to {ours} is one to {name} at the broker: {about}"
        yield Finding(Level.WARNING, "order_differs", text, told.symbol, about)
    age = at - since
    if age > STALE:
        text = f"the order to {name} has been open for {age // timedelta(minutes=1)} minutes: {about}"
        yield Finding(Level.WARNING, "order_stale", text, told.symbol, about)
