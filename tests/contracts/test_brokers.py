"""The brokers pass the suite: the embedded one on the database, Alpaca against a server of this machine, the twin."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection

from tests.contracts.broker_bench import NOON
from tests.contracts.broker_conformance import BrokerConformance
from tests.integration.trading.given_up import HASTY, hasty, patient
from thor.markets.sessions import sessions_of_calendar
from thor.testing.alpaca_faults import Fault, silent, status, taken
from thor.testing.alpaca_rest import AlpacaRest
from thor.testing.broker import InMemoryBroker
from thor.timing import ManualClock
from thor.trading.brokers.paper.broker import PaperBroker
from thor.trading.brokers.port import OrderRequest, Outcome

SECOND = timedelta(seconds=1)


class TwinBench:
    """The twin in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.broker = InMemoryBroker(self.clock.now)
        self.cut, self.mend = self.broker.cut, self.broker.mend
        self.lose_answer, self.lose_request = self.broker.lose_answer, self.broker.lose_request

    def quote(self, symbol: str, price: str, size: str | None = None) -> None:
        self.clock.advance(SECOND)
        self.broker.quote(symbol, price, size)


class TestTwin(BrokerConformance):
    """The twin in memory."""

    @pytest.fixture
    def bench(self) -> TwinBench:
        return TwinBench()


class AlpacaBench:
    """Alpaca's adapter against a server that speaks its REST."""

    def __init__(self, server: AlpacaRest, clock: ManualClock) -> None:
        self.server, self.clock = server, clock
        self.broker = patient(server, lambda _: None)

    def quote(self, symbol: str, price: str, size: str | None = None) -> None:
        self.clock.advance(SECOND)
        self.server.book.quote(symbol, price, size)

    def cut(self) -> None:
        self.server.fail(*[status(503)] * 50)

    def mend(self) -> None:
        self.server.mend()

    def lose_request(self) -> None:
        self._lose(silent(2 * HASTY))

    def lose_answer(self) -> None:
        self._lose(taken(silent(2 * HASTY)))

    def _lose(self, fault: Fault) -> None:
        """Let the next order run into a silence, which alone is given up soon: what is answered is never given up."""
        self.server.fail(fault, path="/v2/orders")
        usual, soon = self.broker, hasty(self.server, lambda _: None)
        submit = soon.submit

        def once(request: OrderRequest) -> Outcome:
            self.broker = usual
            outcome = submit(request)
            self.server.settle()
            return outcome

        soon.submit = once  # type: ignore[method-assign]
        self.broker = soon


class TestAlpaca(BrokerConformance):
    """Alpaca over HTTP."""

    @pytest.fixture
    def bench(self) -> Iterator[AlpacaBench]:
        clock = ManualClock(NOON)
        with AlpacaRest(clock.now) as server:
            yield AlpacaBench(server, clock)


class PaperBench:
    """The embedded broker on the database, with quotes of the test's own; outages are those of the database."""

    def __init__(self, stack: ExitStack) -> None:
        self.clock = ManualClock(NOON)
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.fault: Callable[[str], bool] = lambda _: False
        self.broker = PaperBroker(
            now=self.clock.now,
            sessions=lambda: sessions_of_calendar("XNYS"),
            quotes=self._quotes,
            volume=lambda symbol, day: None,
        )
        stack.enter_context(connection.execute_wrapper(self._execute))

    def quote(self, symbol: str, price: str, size: str | None = None) -> None:
        at = self.clock.advance(SECOND)
        sizes = {} if size is None else {"bid_size": Decimal(size), "ask_size": Decimal(size)}
        figures = dict.fromkeys(("last", "bid", "ask"), Decimal(price))
        self.snapshots[symbol] = {"symbol": symbol, "at": at.isoformat(), **figures, **sizes}
        self.broker.settle(at=at)

    def cut(self) -> None:
        self.fault = lambda _: True

    def mend(self) -> None:
        self.fault = lambda _: False

    def lose_request(self) -> None:
        self.fault = self._once(lambda statement: statement.startswith("INSERT") and "paperorder" in statement)

    def lose_answer(self) -> None:
        written: list[str] = []

        def is_next(statement: str) -> bool:
            if written:
                return statement.startswith("SELECT")
            if statement.startswith("INSERT") and "paperorder" in statement:
                written.append(statement)
            return False

        # The order's own transaction ends first: no SELECT lies between.
        self.fault = self._once(is_next)

    def _once(self, fails: Callable[[str], bool]) -> Callable[[str], bool]:
        def fault(statement: str) -> bool:
            found = fails(statement)
            if found:
                self.mend()
            return found

        return fault

    def _execute(self, execute: Callable[..., Any], statement: str, *others: Any) -> Any:
        if self.fault(statement):
            raise OperationalError("the server closed the connection unexpectedly")
        return execute(statement, *others)

    def _quotes(self, symbols: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {symbol: self.snapshots[symbol] for symbol in symbols if symbol in self.snapshots}


@pytest.mark.django_db
class TestPaper(BrokerConformance):
    """The embedded broker."""

    @pytest.fixture
    def bench(self) -> Iterator[PaperBench]:
        with ExitStack() as stack:
            yield PaperBench(stack)


def test_the_suite_trades_while_new_york_is_open() -> None:
    at: datetime = NOON

    assert sessions_of_calendar("XNYS").is_open(at)
