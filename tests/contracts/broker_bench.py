"""A bench for the brokers' suite: a broker with a market that a test moves, in New York, within a session."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from thor.trading.brokers.port import (
    Accepted,
    Broker,
    BrokerOrder,
    Kind,
    OrderRequest,
    Outcome,
    Side,
)

#: A Tuesday, 15:00 in New York's winter.
NOON = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)
#: What a fill may be worse than the quote.
SLIP = Decimal("0.01")


class Bench(Protocol):
    """A broker, its market and its faults."""

    broker: Broker

    def quote(self, symbol: str, price: str, size: str | None = None) -> None:
        """Let a symbol be traded at about this price from now on, in all at most `size`; a second passes."""

    def cut(self) -> None:
        """Let the broker answer nothing."""

    def mend(self) -> None:
        """Let it answer again."""

    def lose_request(self) -> None:
        """Lose the next order before the broker has it."""

    def lose_answer(self) -> None:
        """Lose the answer to the next order, which the broker has."""


def market(name: str, side: Side = Side.BUY, quantity: str = "10", symbol: str = "SPY") -> OrderRequest:
    """Return a wish for a market order."""
    return OrderRequest(name, symbol, side, Decimal(quantity))


def limit(name: str, price: str, side: Side = Side.BUY, quantity: str = "10") -> OrderRequest:
    """Return a wish for a limit order."""
    return OrderRequest(name, "SPY", side, Decimal(quantity), Kind.LIMIT, Decimal(price))


def accepted(outcome: Outcome) -> BrokerOrder:
    """Return the order of an acceptance."""
    assert isinstance(outcome, Accepted), outcome
    return outcome.order


def known(bench: Bench, name: str) -> BrokerOrder:
    """Return an order that the broker must have."""
    found = bench.broker.order(name)
    assert found is not None
    return found
