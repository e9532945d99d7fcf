"""A desk at the paper broker: a clock and quotes of the test's own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from thor.markets.sessions import sessions_of_calendar
from thor.timing import ManualClock
from thor.trading.brokers.paper.broker import PaperBroker
from thor.trading.brokers.paper.splits import splits_between
from thor.trading.brokers.port import (
    Accepted,
    BrokerOrder,
    Kind,
    OrderRequest,
    Side,
)


def local(text: str) -> datetime:
    """Return an instant that is written in New York's winter time."""
    return datetime.fromisoformat(f"{text}-05:00").astimezone(UTC)


class Desk:
    """A paper broker with a clock and quotes of the test's own. It opens on a Tuesday at ten in New York."""

    def __init__(self) -> None:
        self.clock = ManualClock(local("2026-03-03T10:00"))
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, Decimal] = {}
        self.fault: Exception | None = None
        self.broker = self.another()

    def another(self) -> PaperBroker:
        """Return a broker as another process has it: it shares the database and nothing else."""
        return PaperBroker(
            now=self.clock.now,
            sessions=lambda: sessions_of_calendar("XNYS"),
            quotes=self._quotes,
            volume=lambda symbol, day: self.volumes.get(symbol),
            splits=splits_between,
        )

    def quote(self, last: str, *, at: str = "", **figures: str) -> None:
        """Publish a quote of SPY, as of now or as of a time in New York."""
        seen = local(at) if at else self.clock.now()
        told = {"bid": last, "ask": last, "last": last, **figures}
        self.snapshots["SPY"] = {"at": seen.isoformat(), **{name: Decimal(value) for name, value in told.items()}}

    def at(self, text: str, last: str = "100") -> None:
        """Let it be a time in New York, with a quote of that time."""
        self.clock.set(local(text))
        self.quote(last)

    def order(self, name: str = "a") -> BrokerOrder:
        """Return an order that the broker must have."""
        found = self.broker.order(name)
        assert found is not None
        return found

    def buy(self, quantity: str = "10", limit: str = "", name: str = "a") -> None:
        """Send an order that must be accepted."""
        outcome = self.broker.submit(self.wish(quantity, limit, name))
        assert isinstance(outcome, Accepted), outcome

    def sell(self, quantity: str = "10", limit: str = "", name: str = "b") -> None:
        """Send a sale that must be accepted."""
        outcome = self.broker.submit(self.wish(quantity, limit, name, Side.SELL))
        assert isinstance(outcome, Accepted), outcome

    @staticmethod
    def wish(quantity: str = "10", limit: str = "", name: str = "a", side: Side = Side.BUY) -> OrderRequest:
        """Return a wish for SPY."""
        kind = Kind.LIMIT if limit else Kind.MARKET
        return OrderRequest(name, "SPY", side, Decimal(quantity), kind, Decimal(limit) if limit else None)

    def _quotes(self, symbols: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        if self.fault:
            raise self.fault
        return {symbol: self.snapshots[symbol] for symbol in symbols if symbol in self.snapshots}
