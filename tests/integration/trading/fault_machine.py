"""A desk and a broker that are broken by a schedule, and what must be true of both at the end of any."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest
from django.db.models import Q

from thor.testing.broker import InMemoryBroker
from thor.timing import ManualClock
from thor.trading import boundary, ordering, settling
from thor.trading.booking import GIVEN_UP
from thor.trading.brokers.port import Broker, Kind, OrderRequest, Side, Standing
from thor.trading.desk import desk, hold
from thor.trading.models import (
    Desk,
    Event,
    Fill,
    Intent,
    IntentState,
    Order,
    Position,
    Purpose,
    Reconciliation,
    Refusal,
    Trade,
)
from thor.trading.models.orders import OPEN
from thor.trading.models.positions import EXTERNAL
from thor.trading.ordering import cancel_order, plan_order, send_order
from thor.trading.positions import in_account, open_position, open_positions
from thor.trading.services import order_polling, reconciliation
from thor.trading.settling import settle_orders
from thor.trading.switch import set_switch

START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
CLOSE = timedelta(hours=6)
SYMBOLS = ("QQQ", "SPY")
NAMES = UUID("0d5f6f5e-3d2c-5c0a-8f55-6c8a3f1a7f10")
#: Tables that a schedule writes, those that refer to others first.
TABLES = (Trade, Position, Fill, Order, Intent, Event, Refusal, Reconciliation, Desk)


class Died(BaseException):
    """The process has ended here: nothing catches it."""


class Deaths:
    """Let the process die at a named step, when it comes there for so many times."""

    def __init__(self) -> None:
        self._step, self._left = "", 0

    def arm(self, step: str, count: int = 1) -> None:
        self._step, self._left = step, count

    def reach(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                self._step = ""
                raise Died(step)

    @contextmanager
    def at(self, step: str, count: int = 1) -> Iterator[None]:
        """Run what follows as one process that may die at a step."""
        self.arm(step, count)
        try:
            yield
        except Died:
            pass
        finally:
            self._step = ""


def install(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    """Let every step of the protocol ask these deaths; no file is written beside the journal."""
    deaths = Deaths()
    for module in (ordering, settling, reconciliation):
        monkeypatch.setattr(module, "reach", deaths.reach)
    monkeypatch.setattr(logging.getLogger("thor.trading"), "disabled", True)
    monkeypatch.setattr(boundary, "append_trades", lambda path, *, at: 0)
    return deaths


class Meddled:
    """A broker between whose answers and whoever asked for them something else happens."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._left, self._meanwhile = 0, None  # type: int, Callable[[], None] | None

    def meddle(self, which: int, meanwhile: Callable[[], None]) -> None:
        """Let this happen after the answer is given, and before it is heard."""
        self._left, self._meanwhile = which, meanwhile

    def leave_alone(self) -> None:
        """Let nothing happen any more."""
        self._meanwhile = None

    def __getattr__(self, name: str) -> Any:
        question = getattr(self._broker, name)

        def ask(*arguments: Any) -> Any:
            answer = question(*arguments)
            self._left -= 1
            if self._left < 0 and self._meanwhile is not None:
                meanwhile, self._meanwhile = self._meanwhile, None
                meanwhile()
            return answer

        return ask


class Machine:
    """One desk and one broker, from ten in the morning on. Each method is something that can happen."""

    def __init__(self, deaths: Deaths, clock: ManualClock, book: InMemoryBroker, broker: Broker) -> None:
        for table in TABLES:
            query = table.objects.all()
            query._raw_delete(query.db)
        self.deaths, self.clock, self.book = deaths, clock, book
        self.broker = Meddled(broker)
        self.foreign: set[str] = set()
        self.trades = self.runs = 0
        clock.set(START)
        for symbol in SYMBOLS:
            book.quote(symbol, "100")

    def play(self, schedule: list[tuple[Any, ...]], *, is_late: bool = False) -> None:
        """Let everything happen in turn, then let time heal what it can."""
        for happening in schedule:
            self.do(happening)
        self.heal(is_late=is_late)

    def do(self, happening: tuple[Any, ...]) -> None:
        """Let one thing happen."""
        name, *arguments = happening
        getattr(self, name)(*arguments)

    def meanwhile(self, which: int, happening: tuple[Any, ...]) -> None:
        """Let something happen to one of the next answers of the broker, before whoever asked has got it."""
        self.broker.meddle(which, lambda: self.do(happening))

    # What the desk does

    def enter(self, symbol: str, quantity: int, limit: str, fault: str, step: str, attempts: int) -> None:
        """Buy in one run, whose order has a fault, which dies at a step and is tried again."""
        run = self._run()
        self.break_with(fault)
        for _ in range(attempts):
            with self.deaths.at(step):
                self._enter(run, symbol, Decimal(quantity), limit)
            step = ""

    def leave(self, symbol: str, limit: str, fault: str, step: str, attempts: int) -> None:
        """Sell all of a symbol in one run, whose order has a fault, which dies at a step and is tried again."""
        run = self._run()
        self.break_with(fault)
        for _ in range(attempts):
            with self.deaths.at(step):
                self._leave(run, symbol, limit)
            step = ""

    def again(self, which: int) -> None:
        """Let a run be tried once more, long after."""
        orders = list(Order.objects.order_by("pk"))
        if orders:
            send_order(orders[which % len(orders)], broker=self.broker, at=self.clock.now())

    def cancel(self, which: int, fault: str, step: str) -> None:
        """Cancel an order, whatever has become of it."""
        self.break_with(fault)
        orders = list(Order.objects.order_by("pk"))
        if orders:
            with self.deaths.at(step):
                cancel_order(orders[which % len(orders)], broker=self.broker, at=self.clock.now())

    def settle(self, deadly: int) -> None:
        """Ask for all orders, in a process that may die after an answer."""
        with self.deaths.at("asked" if deadly else "", deadly):
            settle_orders(broker=self.broker, at=self.clock.now())

    def poll(self) -> None:
        """Poll."""
        order_polling.poll_orders(broker=self.broker, at=self.clock.now(), run=self._run())

    def reconcile(self, step: str) -> None:
        """Reconcile in a run that dies at a step and is tried again."""
        run = self._run()
        for deadly in (step, "") if step else ("",):
            with self.deaths.at(deadly):
                reconciliation.reconcile_account(broker=self.broker, run=run, at=self.clock.now())

    def switch(self, word: str) -> None:
        """Turn the switch."""
        set_switch(word, reason="the schedule says so", by="test", at=self.clock.now())

    # What happens to it

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    def quote(self, symbol: str, price: str, size: str | None) -> None:
        """Let a symbol be traded."""
        self.book.quote(symbol, price, size)

    def fill(self, which: int, part: str) -> None:
        """Fill a part of an open order."""
        if found := self._open(which):
            left = found.quantity - found.filled_quantity
            quantity = max((left * Decimal(part)).quantize(Decimal("0.000001")), Decimal("0.000001"))
            self.book.fill(found.client_order_id, quantity, "100.1234")

    def end(self, which: int, standing: Standing) -> None:
        """End an open order at the broker."""
        if found := self._open(which):
            self.book.end(found.client_order_id, standing, "the schedule says so")

    def break_with(self, fault: str) -> None:
        """Plan a fault of the broker, or end one."""
        if fault == "refuse":
            self.book.refuse("the schedule says so")
        elif fault:
            getattr(self.book, fault)()

    def trade_elsewhere(self, symbol: str, side: Side, quantity: int) -> None:
        """Let a person trade beside the desk."""
        self.trades += 1
        self.foreign.add(symbol)
        wish = OrderRequest(f"by-hand-{self.trades}", symbol, side, Decimal(quantity), Kind.LIMIT, _crossing(side))
        self.book.take(wish)

    def next_day(self) -> None:
        """Let the session close, and the next one begin."""
        self.book.close_day()
        days = (self.clock.now() - START) // timedelta(days=1) + 1
        self.clock.set(START + timedelta(days=days))

    # How it ends

    def heal(self, *, is_late: bool = False) -> None:
        """Let the broker answer, everything arrive, and the desk look at it all as often as it would.

        What arrives late comes after the desk has given it up, on the next day.
        """
        self.broker.leave_alone()
        getattr(self.book, "mend", lambda: None)()
        self.switch("active")
        if not is_late:
            self._arrive()
        for _ in range(2):
            self.wait(180)
            self.settle(0)
        self.next_day()
        self.settle(0)
        if is_late:
            self._arrive()
            self.wait(3600)
            self.reconcile("")
            self.next_day()
        for _ in range(2):
            self.wait(3600)
            self.reconcile("")

    def _arrive(self) -> None:
        getattr(self.book, "arrive", lambda: None)()

    def check(self) -> None:
        """Require everything that must be true whatever has happened."""
        told = {order.client_order_id: order for order in self.book.every_order()}
        ours = {order.client_order_id: order for order in Order.objects.select_related("intent")}
        self._check_orders(told, ours)
        self._check_fills(told, ours)
        self._check_positions()
        numbers = list(Event.objects.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))

    def _check_orders(self, told: dict[str, Any], ours: dict[str, Order]) -> None:
        assert sum(name.startswith("by-hand") for name in told) == len(told.keys() - ours.keys())
        entries = [order.intent_id for name, order in ours.items() if name in told and order.side == "buy"]
        assert len(entries) == len(set(entries)), "an intent was ordered twice"
        assert [order for order in ours.values() if order.state in OPEN] == []
        assert self.book.open_orders() == []
        for name in told.keys() & ours.keys():
            # One that turned up and ended without a fill, while nobody was looking, stays given up.
            is_nothing = ours[name].state in GIVEN_UP and not told[name].filled_quantity
            assert told[name].standing == ours[name].state or is_nothing
            assert told[name].quantity == ours[name].quantity

    def _check_fills(self, told: dict[str, Any], ours: dict[str, Order]) -> None:
        for name, order in ours.items():
            fills = list(order.fills.all())
            filled = told[name].filled_quantity if name in told else Decimal(0)
            assert sum((fill.quantity for fill in fills), Decimal(0)) == order.filled_quantity == filled
            if filled:
                value = sum((fill.quantity * fill.price for fill in fills), Decimal(0))
                assert abs(value - filled * told[name].filled_average_price) < Decimal("0.01") * len(fills)

    def _check_positions(self) -> None:
        held = {one.symbol: one.quantity for one in self.book.positions()}
        assert {one.symbol: in_account(one) for one in open_positions()} == held
        assert all(one.quantity > 0 for one in open_positions())
        # Only what somebody else did may look like it, and what came of orders that were given up.
        given_up = set(Event.objects.filter(key__endswith=":turned_up").values_list("symbol", flat=True))
        outside = Position.objects.filter(Q(source=EXTERNAL) | Q(trade__exit_type="EXTERNAL_CLOSE"))
        assert {one.symbol for one in outside} <= self.foreign | given_up
        beside = {one.symbol for one in Position.objects.filter(outside__gt=0)}
        assert beside <= self.foreign | given_up
        closed = Position.objects.filter(closed_at__isnull=False)
        assert closed.count() == Trade.objects.count()
        assert all(one.quantity == 0 for one in closed)

    def _enter(self, run: UUID, symbol: str, quantity: Decimal, limit: str) -> None:
        at = self.clock.now()
        with hold():
            intent, _ = Intent.objects.get_or_create(
                symbol=symbol, session_date=at.date(), purpose=Purpose.ENTRY, defaults={"run": run, **self._fields(at)}
            )
            if intent.state != IntentState.PLANNED and not intent.orders.filter(run=run).exists():
                return
            order = self._plan(intent, run, quantity, limit)
        if order is not None:
            send_order(order, broker=self.broker, at=at)

    def _leave(self, run: UUID, symbol: str, limit: str) -> None:
        at = self.clock.now()
        with hold():
            position = open_position(symbol)
            wanted = Intent.objects.filter(symbol=symbol, purpose=Purpose.EXIT, state__in=["planned", "working"])
            intent = wanted.first()
            if position is None or (intent and intent.state == "working" and not intent.orders.filter(run=run)):
                return
            intent = intent or Intent.objects.create(
                symbol=symbol,
                session_date=at.date(),
                purpose=Purpose.EXIT,
                exit_type="SWING_EXIT",
                run=run,
                **self._fields(at),
            )
            order = self._plan(intent, run, position.quantity, limit)
        if order is not None:
            send_order(order, broker=self.broker, at=at)

    def _plan(self, intent: Intent, run: UUID, quantity: Decimal, limit: str) -> Order | None:
        at = self.clock.now()
        return plan_order(
            intent, quantity=quantity, kind=Kind.LIMIT if limit else Kind.MARKET, at=at, run=run,
            limit_price=Decimal(limit) if limit else None,
            good_until=at.replace(hour=START.hour, minute=0, second=0) + CLOSE,
        )  # fmt: skip

    def _fields(self, at: datetime) -> dict[str, Any]:
        return {"decided_at": at, "updated_at": at, "strategy_id": "test_v1", "confidence": 4}

    def _run(self) -> UUID:
        self.runs += 1
        return uuid5(NAMES, str(self.runs))

    def _open(self, which: int) -> Any:
        found = [order for order in self.book.every_order() if not order.standing.is_final]
        return found[which % len(found)] if found else None


def _crossing(side: Side) -> Decimal:
    return Decimal("120") if side is Side.BUY else Decimal("80")


def told_of(check: Callable[[], None], schedule: list[Any]) -> None:
    """Run a check, and say on which schedule it fails."""
    try:
        check()
    except AssertionError as error:
        error.add_note(f"schedule = {schedule!r}\nswitch = {desk()}")
        raise
