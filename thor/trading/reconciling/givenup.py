"""Step 3b: open orders that are ours, and that the journal holds for over: book them as they are told."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from thor.trading.booking import book_order
from thor.trading.brokers.port import Broker, BrokerOrder
from thor.trading.models import Order
from thor.trading.models.orders import OPEN
from thor.trading.ordering import cancel_order
from thor.trading.reconciling.finding import Finding, Level


def orders_of_ours(orders: Sequence[BrokerOrder]) -> dict[str, Order]:
    """Return the journal's orders among these, by our id."""
    ids = [order.client_order_id for order in orders]
    return {order.client_order_id: order for order in Order.objects.filter(client_order_id__in=ids)}


def take_up(
    orders: Sequence[BrokerOrder], ours: Mapping[str, Order], *, broker: Broker, at: datetime
) -> Iterator[Finding]:
    """Book open orders that the journal gave up; one that cannot be followed beside a newer one is cancelled.

    What the broker once told to be over stays so in the journal. Where it lists such an order as open, it is asked for
    again: an answer may have been older than the other.
    """
    for told in orders:
        known = ours.get(told.client_order_id)
        if known is None or known.state in OPEN:
            continue
        after = book_order(known, told, at=at)
        if after.state in OPEN:
            text = f"the order to {known} was given up and is open at the broker; it is followed again"
            yield Finding(Level.WARNING, "order_taken_up", text, known.symbol, known.client_order_id)
        elif (now := broker.order(told.client_order_id)) is not None and not now.standing.is_final:
            cancel_order(known, broker=broker, at=at)
            text = (
                f"the order to {known} is over for the journal and open at the broker; its cancellation was asked for"
            )
            yield Finding(Level.WARNING, "order_over_and_open", text, known.symbol, known.client_order_id)
        elif now is not None:
            book_order(known, now, at=at)
