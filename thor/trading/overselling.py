"""Cancel sales of more than the desk holds.

A sale that the broker called cancelled may have been filled all the same, after another one was sent for the same
shares; shares may be sold elsewhere, or become fewer by a split. What such a sale would still sell is somebody else's,
or nobody's: on a margin account it ends in a short position.
"""

from datetime import datetime

from thor.trading import journal
from thor.trading.brokers.port import Broker, Side
from thor.trading.desk import hold
from thor.trading.models import Happening, Order, State
from thor.trading.ordering import cancel_order
from thor.trading.positions import open_position


def cancel_oversold(*, broker: Broker, at: datetime) -> None:
    """Ask the broker to cancel each such sale; asked again at the next look, until the broker says that it has ended.

    What is held after all is wanted again, as after every sale that has not sold everything.
    """
    for order in Order.objects.filter(side=Side.SELL, state__in=(State.WORKING, State.PARTIAL)).order_by("pk"):
        if _oversells(order, at):
            cancel_order(order, broker=broker, at=at)


def _oversells(order: Order, at: datetime) -> bool:
    """Tell whether a sale is larger than what is held, by the books of one instant, and say so once."""
    with hold():
        row = Order.objects.get(pk=order.pk)
        position = open_position(row.symbol)
        held, left = position.quantity if position else 0, row.quantity - row.filled_quantity
        if row.state not in (State.WORKING, State.PARTIAL) or left <= held:
            return False
        journal.record(
            Happening.ALERT, at=at, key=f"{row.client_order_id}:oversells", symbol=row.symbol, run=row.run,
            order=row.client_order_id, held=held, left=left,
            reason="this sale is of more than the desk holds, and is cancelled",
        )  # fmt: skip
    return True
