"""A broker in memory to which requests are slow to come: they arrive after everybody has stopped waiting.

broker.delay_request()   # the next order is on its way: Unknown, and nothing at the broker yet
broker.delay_cancel()    # the next cancellation is taken, and the order still works until it arrives
broker.arrive()          # everything that is on its way gets there
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from thor.testing.broker import CASH, LOST, InMemoryBroker
from thor.trading.brokers.port import Accepted, OrderRequest, Outcome, Standing, Unknown

#: How a late request is called among the faults.
LATE = "late"


class LateBroker(InMemoryBroker):
    """An account whose orders and cancellations can be on their way for as long as a test wants."""

    def __init__(self, now: Callable[[], datetime], *, cash: Decimal = CASH) -> None:
        """Open an account with so much cash; nothing is on its way."""
        super().__init__(now, cash=cash)
        self._on_their_way: list[OrderRequest] = []
        self._cancels: list[str] = []
        self._late_cancels = 0

    def delay_request(self) -> None:
        """Let the next order arrive late."""
        self._faults.append(LATE)

    def delay_cancel(self) -> None:
        """Let the next cancellation that is taken have its effect late."""
        self._late_cancels += 1

    def arrive(self) -> None:
        """Let everything arrive that is on its way."""
        requests, self._on_their_way = self._on_their_way, []
        for request in requests:
            self.take(request)
        cancels, self._cancels = self._cancels, []
        for client_order_id in cancels:
            if not self._orders[client_order_id].standing.is_final:
                self.end(client_order_id, Standing.CANCELLED)

    def submit(self, request: OrderRequest) -> Outcome:
        """Take an order, unless it is told to fail or to be late."""
        if self._is_cut or not self._faults or self._faults[0] != LATE:
            return super().submit(request)
        self._faults.popleft()
        self.requests.append(request)
        self._on_their_way.append(request)
        return Unknown(LOST)

    def cancel(self, client_order_id: str) -> Outcome:
        """Cancel an order that is not final, now or later."""
        order = self._orders.get(client_order_id)
        if self._is_cut or not self._late_cancels or order is None or order.standing.is_final:
            return super().cancel(client_order_id)
        self._late_cancels -= 1
        self._cancels.append(client_order_id)
        return Accepted(self._change(order, status="pending_cancel"))
