"""The port of brokers: what is asked of one, and what it answers.

Quantities and prices are `Decimal`, instants aware UTC. A `client_order_id` is ours and the same for the same wish, so
asking by it finds the order whether or not its answer ever came.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from thor.errors import ThorError


class BrokerUnreachable(ThorError):
    """The broker did not answer a question, or not in a way that can be read."""


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"


class Kind(StrEnum):
    """At which price an order may be filled: at any, or at its limit or better."""

    MARKET = "market"
    LIMIT = "limit"


class Standing(StrEnum):
    """Where an order stands at the broker. The last four are final."""

    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing can happen to the order any more."""
        return self not in (Standing.WORKING, Standing.PARTIAL)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A wish, good for the day. `limit_price` belongs to a limit order, and to no other."""

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    kind: Kind = Kind.MARKET
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker has it. `status` is the broker's own word for its standing."""

    id: str
    client_order_id: str
    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal
    limit_price: Decimal | None
    standing: Standing
    status: str
    filled_quantity: Decimal
    filled_average_price: Decimal | None
    submitted_at: datetime
    updated_at: datetime
    reason: str = ""


class OpenOrders(list[BrokerOrder]):
    """The orders that are not final. `unreadable` tells of those that are of a kind beyond this port, by their id, why.

    They are somebody else's: an order of several legs is none that the desk could have sent.
    """

    def __init__(self, orders: Iterable[BrokerOrder] = (), unreadable: Mapping[str, str] | None = None) -> None:
        """Take what was read, and the reasons for what was not."""
        super().__init__(orders)
        self.unreadable = dict(unreadable or {})


@dataclass(frozen=True, slots=True)
class BrokerFill:
    """One execution. Its `id` is the broker's and unique; `order_id` is the broker's id of the order."""

    id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """What the account holds of one symbol; `price` is the last one that the broker knows."""

    symbol: str
    quantity: Decimal
    average_entry_price: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account. Money is in `currency`; `last_equity` is that of the last close.

    `day_trades` are those of five sessions, None where the broker does not tell. `identity` names whose account it is,
    the same at every question (`thor.trading.identity`); empty where the broker has only this one.
    """

    status: str
    currency: str
    equity: Decimal
    last_equity: Decimal
    cash: Decimal
    buying_power: Decimal
    multiplier: Decimal
    is_trading_blocked: bool
    is_account_blocked: bool
    is_pattern_day_trader: bool
    day_trades: int | None
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the order."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True)
class Rejected:
    """The broker refused: nothing was ordered, or nothing was cancelled."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the broker has the order is not known: it has to be asked."""

    reason: str


Outcome = Accepted | Rejected | Unknown


class Broker(Protocol):
    """An account at a broker. Every question may raise `BrokerUnreachable`; orders and cancellations never raise it."""

    name: str
    is_live: bool

    def account(self) -> Account:
        """Return the account as it is now."""

    def positions(self) -> Sequence[BrokerPosition]:
        """Return everything that the account holds."""

    def open_orders(self) -> OpenOrders:
        """Return every order that is not final."""

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order by our id; nothing where the broker says that it has none."""

    def fills(self, since: datetime) -> Sequence[BrokerFill]:
        """Return the executions at or after an instant, oldest first; whoever asks twice gets the same again."""

    def submit(self, request: OrderRequest) -> Outcome:
        """Order. A second request of the same id orders nothing: the first order is returned as accepted."""

    def cancel(self, client_order_id: str) -> Outcome:
        """Ask for a cancellation; the order is over only when its standing says so."""
