"""Steps 1 to 3: ask the broker for the account, its open orders and its positions. No answer is never an empty one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final, TypeVar

from thor.errors import ThorError
from thor.trading.brokers.port import Account, Broker, BrokerPosition, BrokerUnreachable, OpenOrders

Found = TypeVar("Found")

#: To so many places the journal keeps quantities; less than that is dust, and counts for nothing.
PLACES: Final = Decimal("0.000001")

Positions = Mapping[str, BrokerPosition]


class NotAnswered(ThorError):
    """The broker did not tell what the account has: nothing can be said, and nothing may be written."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The account, its open orders, and what it holds by symbol; `held` has no dust."""

    account: Account
    orders: OpenOrders
    positions: Positions

    @property
    def value(self) -> Decimal:
        """Return what everything held is worth, at the broker's last prices, else at what was paid."""
        return sum((abs(one.quantity) * price_of(one) for one in self.positions.values()), Decimal(0))


def look_at_account(broker: Broker) -> tuple[Account, OpenOrders]:
    """Return the account and its open orders. Raises `NotAnswered`."""
    return _asked("account", broker.account), _asked("open orders", broker.open_orders)


def look_at_identity(broker: Broker) -> str:
    """Return whose account the broker tells of. Raises `NotAnswered`."""
    return _asked("account", broker.account).identity


def look_at_positions(broker: Broker) -> Positions:
    """Return what is held, by symbol, without what is too little for the journal. Raises `NotAnswered`."""
    return {one.symbol: one for one in _asked("positions", broker.positions) if units(one.quantity)}


def units(quantity: Decimal) -> Decimal:
    """Return a quantity as the journal keeps it."""
    return quantity.quantize(PLACES, ROUND_DOWN)


def price_of(position: BrokerPosition) -> Decimal:
    """Return the broker's last price of what is held, else what was paid for it."""
    return position.price if position.price is not None else position.average_entry_price


def _asked(what: str, question: Callable[[], Found]) -> Found:
    try:
        return question()
    except BrokerUnreachable as error:
        raise NotAnswered(f"the broker does not tell its {what}: {error}") from error
