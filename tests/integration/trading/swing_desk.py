"""A swing desk at a broker in memory: a clock, prices and positions of the test's own, on New York's real sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import redis

from tests.integration.trading.daily_days import write_quote
from thor.marketdata import keys
from thor.testing.broker import InMemoryBroker
from thor.timing import ManualClock
from thor.trading import ordering
from thor.trading.brokers.port import Kind
from thor.trading.desk import hold
from thor.trading.models import Event, Intent, Order, Position, Purpose, Reconciliation
from thor.trading.ordering import plan_order, send_order
from thor.trading.positions import open_position

#: A Tuesday in New York's winter time, its bells, and the minute in which the entry window opens.
DAY = date(2026, 3, 3)
OPEN = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 3, 3, 21, 0, tzinfo=UTC)
ENTRY = CLOSE - timedelta(minutes=25)
MINUTE = timedelta(minutes=1)
BREAKOUT = "momentum_breakout_v1"


class Died(BaseException):
    """The process has ended here: nothing catches it."""


class SwingDesk:
    """A desk with nothing in it yet."""

    def __init__(self, client: redis.Redis, at: datetime = OPEN) -> None:
        self.clock = ManualClock(at)
        self.broker = InMemoryBroker(self.clock.now)
        self._redis = client

    def at(self, at: datetime) -> datetime:
        """Let it be this moment."""
        self.clock.set(at)
        return at

    def price(self, symbol: str, last: float | str, *, size: str | None = None) -> None:
        """Let a symbol be traded and quoted at a price from now on."""
        self.broker.quote(symbol, str(last), size)
        self.quote(symbol, last)

    def quote(self, symbol: str, last: float | str, **figures: float | str) -> None:
        """Publish a quote as of now that the broker does not trade at."""
        write_quote(self._redis, symbol, float(last), self.clock.now(), **figures)

    def feed_lives(self) -> None:
        """Let the feed of shares be as fresh as can be."""
        now = str(int(self.clock.now().timestamp()) * 1_000_000_000)
        told = {"source": "TEST", "watermark": now, "ticked": now, "began": now}
        self._redis.hset(keys.feed("us_equities"), mapping=told)

    def reconciled(self, status: str = "READY") -> None:
        """Let a reconciliation have said this just now."""
        Reconciliation.objects.create(run=uuid4(), at=self.clock.now(), status=status)

    def holds(
        self,
        symbol: str,
        quantity: str = "10",
        paid: str = "100",
        *,
        since: datetime,
        strategy: str = "momentum_breakout_v1",
    ) -> Position:
        """Buy a position at a time, by an order as any other."""
        now = self.clock.now()
        self.at(since)
        self.broker.quote(symbol, paid)
        run = uuid4()
        with hold():
            intent = Intent.objects.create(
                run=run, symbol=symbol, purpose=Purpose.ENTRY.value, strategy_id=strategy, confidence=4,
                session_date=since.date(), decided_at=since, updated_at=since,
            )  # fmt: skip
            order = plan_order(
                intent, quantity=Decimal(quantity), kind=Kind.MARKET, at=since, run=run, good_until=None,
                risk_amount=Decimal(quantity) * Decimal(paid),
            )  # fmt: skip
        assert order is not None
        send_order(order, broker=self.broker, at=since)
        self.at(now)
        position = open_position(symbol)
        assert position is not None
        self.broker.requests.clear()
        return position


@contextmanager
def dying(step: str, monkeypatch: pytest.MonkeyPatch, count: int = 1) -> Iterator[None]:
    """Let the process die when it comes to a step of ordering for so many times, and begin another afterwards."""
    left = [count]

    def reach(at: str) -> None:
        if at == step:
            left[0] -= 1
            if left[0] == 0:
                raise Died

    with monkeypatch.context() as patch:
        patch.setattr(ordering, "reach", reach)
        with pytest.raises(Died):
            yield


def orders(symbol: str = "", side: str = "") -> list[tuple[str, str, str, str]]:
    """Return symbol, side, kind and state of every order, in their order."""
    found = Order.objects.order_by("pk")
    found = found.filter(symbol=symbol) if symbol else found
    found = found.filter(side=side) if side else found
    return [(one.symbol, one.side, one.kind, one.state) for one in found]


def sales(symbol: str = "") -> list[tuple[str, str]]:
    """Return kind and state of every sale."""
    return [(kind, state) for _, _, kind, state in orders(symbol, "sell")]


def exits() -> list[Intent]:
    """Return every wish to sell."""
    return list(Intent.objects.filter(purpose__in=[Purpose.EXIT, Purpose.EMERGENCY]).order_by("pk"))


def said(key: str) -> list[str]:
    """Return the reasons of events whose key contains this."""
    return [str(one.fields.get("reason", "")) for one in Event.objects.filter(key__contains=key).order_by("number")]


def a_run(number: int = 1) -> UUID:
    """Return the id of a run."""
    return UUID(int=number)
