"""A broker in memory: a small exchange that fills at the prices a test says, and that fails when it is told to.

    broker = InMemoryBroker(now)
    broker.quote("SPY", "100")                 # anybody may buy and sell any quantity at 100
    broker.quote("SPY", "100", size="3")       # or at most three, until the next quote
    broker.lose_answer()                       # the next order is taken, and its answer lost: Unknown
    broker.lose_request()                      # the next order never arrives: Unknown as well
    broker.refuse("insufficient buying power") # the next order is refused
    broker.cut(); broker.mend()                # nobody answers anything; everybody does again

Deterministic: ids are counted, time is `now`, and orders are looked at in the order in which they came.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from thor.trading.brokers.port import (
    Accepted,
    Account,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    BrokerUnreachable,
    OpenOrders,
    OrderRequest,
    Outcome,
    Rejected,
    Side,
    Standing,
    Unknown,
)

CASH: Final = Decimal(100_000)
LOST: Final = "the broker in memory did not answer in time"


@dataclass(slots=True)
class _Quote:
    price: Decimal
    size: Decimal | None


class InMemoryBroker:
    """An account at an exchange that a test moves by hand."""

    name = "memory"
    is_live = False

    def __init__(self, now: Callable[[], datetime], *, cash: Decimal = CASH) -> None:
        """Open an account with so much cash, by a clock of the test's own."""
        self._now = now
        self._cash = self._last_equity = cash
        self._quotes: dict[str, _Quote] = {}
        self._orders: dict[str, BrokerOrder] = {}
        self._fills: list[BrokerFill] = []
        self._faults: deque[Outcome | str] = deque()
        self._is_cut = False
        #: What the account says instead of what it would say: `said["is_trading_blocked"] = True`.
        self.said: dict[str, Any] = {}
        #: Every request that was sent, also those that were refused, repeated or lost.
        self.requests: list[OrderRequest] = []

    # What a test does

    def quote(self, symbol: str, price: Decimal | str, size: Decimal | str | None = None) -> None:
        """Let a symbol be traded at a price from now on, in all at most `size`; open orders are filled at once."""
        self._quotes[symbol] = _Quote(Decimal(price), Decimal(size) if size is not None else None)
        self.match()

    def match(self) -> None:
        """Fill what the quotes let be filled."""
        for order in list(self._orders.values()):
            if not order.standing.is_final and (quote := self._quotes.get(order.symbol)):
                self._match(order, quote)

    def fill(self, client_order_id: str, quantity: Decimal | str, price: Decimal | str) -> None:
        """Fill so much of an order at a price, whatever the quotes say."""
        self._book(self._orders[client_order_id], Decimal(quantity), Decimal(price))

    def take_back(self, client_order_id: str, quantity: Decimal | str) -> None:
        """Take so much of the last fill of an order back, as an exchange that busts a trade does."""
        order = self._orders[client_order_id]
        place, fill = [one for one in enumerate(self._fills) if one[1].order_id == order.id][-1]
        less = Decimal(quantity)
        self._fills[place] = replace(fill, quantity=fill.quantity - less)
        self._cash += less * fill.price if order.side is Side.BUY else -less * fill.price
        self._change(order, filled_quantity=order.filled_quantity - less)

    def end(self, client_order_id: str, standing: Standing, reason: str = "", status: str = "") -> None:
        """Let an order expire, be cancelled or be rejected after it was accepted."""
        self._change(self._orders[client_order_id], standing=standing, status=status or standing.value, reason=reason)

    def close_day(self) -> None:
        """Let every open order expire, and remember what the account is worth."""
        for order in self._open():
            self.end(order.client_order_id, Standing.EXPIRED, "the session has closed")
        self._last_equity = self._equity()

    def lose_answer(self) -> None:
        """Take the next order and lose the answer."""
        self._faults.append("after")

    def lose_request(self) -> None:
        """Lose the next order before it arrives."""
        self._faults.append("before")

    def refuse(self, reason: str) -> None:
        """Refuse the next order."""
        self._faults.append(Rejected(reason))

    def cut(self) -> None:
        """Answer no question and take no order."""
        self._is_cut = True

    def mend(self) -> None:
        """Answer again."""
        self._is_cut = False

    # The port

    def account(self) -> Account:
        """Return the account as it is now."""
        self._reach()
        found = Account(
            status="ACTIVE",
            currency="USD",
            equity=self._equity(),
            last_equity=self._last_equity,
            cash=self._cash,
            buying_power=self.buying_power(),
            multiplier=Decimal(1),
            is_trading_blocked=False,
            is_account_blocked=False,
            is_pattern_day_trader=False,
            day_trades=0,
        )
        return replace(found, **self.said)

    def positions(self) -> Sequence[BrokerPosition]:
        """Return everything that the account holds."""
        self._reach()
        return [one for one in map(self._position, sorted({fill.symbol for fill in self._fills})) if one.quantity]

    def open_orders(self) -> OpenOrders:
        """Return every order that is not final."""
        self._reach()
        return OpenOrders(self._open())

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order by our id."""
        self._reach()
        return self._orders.get(client_order_id)

    def fills(self, since: datetime) -> Sequence[BrokerFill]:
        """Return the executions at or after an instant, oldest first."""
        self._reach()
        return [fill for fill in self._fills if fill.at >= since]

    def submit(self, request: OrderRequest) -> Outcome:
        """Take an order, unless it is told to fail."""
        self.requests.append(request)
        if self._is_cut:
            return Unknown(LOST)
        fault = self._faults.popleft() if self._faults else None
        if fault == "before":
            return Unknown(LOST)
        if isinstance(fault, Rejected):
            return fault
        outcome = self.take(request)
        return Unknown(LOST) if fault == "after" else outcome

    def cancel(self, client_order_id: str) -> Outcome:
        """Cancel an order that is not final."""
        if self._is_cut:
            return Unknown(LOST)
        order = self._orders.get(client_order_id)
        if order is None:
            return Rejected(f"there is no order {client_order_id}")
        if order.standing.is_final:
            return Rejected(f"the order is {order.standing} and cannot be cancelled")
        return Accepted(self._change(order, standing=Standing.CANCELLED, status="cancelled"))

    # The exchange

    def take(self, request: OrderRequest) -> Outcome:
        """Take an order or refuse it, without any fault."""
        if request.client_order_id not in self._orders:
            refused = self._refusal(request)
            if refused:
                return Rejected(refused)
            self._write_down(request)
            self.match()
        return Accepted(self._orders[request.client_order_id])

    def every_order(self) -> Sequence[BrokerOrder]:
        """Return every order that was ever taken."""
        return list(self._orders.values())

    def every_fill(self) -> Sequence[BrokerFill]:
        """Return every execution there ever was."""
        return list(self._fills)

    def buying_power(self) -> Decimal:
        """Return the cash that no open purchase has set aside."""
        bought = (order for order in self._open() if order.side is Side.BUY)
        return self._cash - sum((_remaining(one) * self._reserve(one) for one in bought), Decimal(0))

    def _write_down(self, request: OrderRequest) -> None:
        now, number = self._now(), len(self._orders) + 1
        self._orders[request.client_order_id] = BrokerOrder(
            id=str(UUID(int=number)),
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            quantity=request.quantity,
            limit_price=request.limit_price,
            standing=Standing.WORKING,
            status="working",
            filled_quantity=Decimal(0),
            filled_average_price=None,
            submitted_at=now,
            updated_at=now,
        )

    def _refusal(self, request: OrderRequest) -> str:
        if not request.quantity.is_finite() or request.quantity <= 0:
            return f"the quantity must be above 0, not {request.quantity}"
        if request.symbol not in self._quotes:
            return f"there is no quote for {request.symbol}"
        if request.side is Side.BUY:
            is_short = request.quantity * self._reserve(request) > self.buying_power()
            return "insufficient buying power" if is_short else ""
        promised = (one for one in self._open() if one.side is Side.SELL and one.symbol == request.symbol)
        free = self._held(request.symbol) - sum((_remaining(one) for one in promised), Decimal(0))
        return "insufficient quantity available" if request.quantity > free else ""

    def _match(self, order: BrokerOrder, quote: _Quote) -> None:
        limit = order.limit_price
        beyond = limit is not None and (quote.price > limit if order.side is Side.BUY else quote.price < limit)
        quantity = _remaining(order) if quote.size is None else min(_remaining(order), quote.size)
        if beyond or quantity <= 0:
            return
        if quote.size is not None:
            quote.size -= quantity
        self._book(order, quantity, quote.price)

    def _book(self, order: BrokerOrder, quantity: Decimal, price: Decimal) -> None:
        number = f"{len(self._fills) + 1:09}"
        self._fills.append(BrokerFill(number, order.id, order.symbol, order.side, quantity, price, self._now()))
        self._cash += quantity * price * (-1 if order.side is Side.BUY else 1)
        filled = order.filled_quantity + quantity
        value = (order.filled_average_price or Decimal(0)) * order.filled_quantity + quantity * price
        standing = Standing.FILLED if filled >= order.quantity else Standing.PARTIAL
        self._change(
            order, standing=standing, status=standing.value, filled_quantity=filled, filled_average_price=value / filled
        )

    def _change(self, order: BrokerOrder, **changes: Any) -> BrokerOrder:
        changed = replace(order, **changes, updated_at=self._now())
        self._orders[order.client_order_id] = changed
        return changed

    def _position(self, symbol: str) -> BrokerPosition:
        quantity = average = Decimal(0)
        for fill in self._fills:
            if fill.symbol != symbol:
                continue
            if fill.side is Side.SELL:
                quantity -= fill.quantity
                continue
            average = (quantity * average + fill.quantity * fill.price) / (quantity + fill.quantity)
            quantity += fill.quantity
        return BrokerPosition(symbol, quantity, average, self._quotes[symbol].price if symbol in self._quotes else None)

    def _open(self) -> list[BrokerOrder]:
        return [order for order in self._orders.values() if not order.standing.is_final]

    def _held(self, symbol: str) -> Decimal:
        return self._position(symbol).quantity

    def _reserve(self, order: OrderRequest | BrokerOrder) -> Decimal:
        return order.limit_price if order.limit_price is not None else self._quotes[order.symbol].price

    def _equity(self) -> Decimal:
        held = (self._position(symbol) for symbol in {fill.symbol for fill in self._fills})
        return self._cash + sum((one.quantity * (one.price or one.average_entry_price) for one in held), Decimal(0))

    def _reach(self) -> None:
        if self._is_cut:
            raise BrokerUnreachable("the broker in memory is cut off")


def _remaining(order: BrokerOrder) -> Decimal:
    return order.quantity - order.filled_quantity
