"""Several processes at one paper account: threads with connections of their own, and answers that are lost."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from thor.markets.sessions import sessions_of_calendar
from thor.trading.brokers.paper.broker import PaperBroker
from thor.trading.brokers.port import Accepted, Kind, OrderRequest, Outcome, Rejected, Side, Standing, Unknown
from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
QUOTE = {"at": NOON.isoformat(), "last": Decimal(100), "bid": Decimal(100), "ask": Decimal(100)}
THREADS = 6


def broker(**figures: Decimal) -> PaperBroker:
    """Return the broker as a process has it, in an unmoving market."""
    return PaperBroker(
        now=lambda: NOON,
        sessions=lambda: sessions_of_calendar("XNYS"),
        quotes=lambda symbols: {symbol: {**QUOTE, **figures} for symbol in symbols},
        volume=lambda symbol, day: None,
    )


def buy(name: str, quantity: str = "10", limit: str = "") -> OrderRequest:
    """Return a wish for SPY."""
    kind = Kind.LIMIT if limit else Kind.MARKET
    return OrderRequest(name, "SPY", Side.BUY, Decimal(quantity), kind, Decimal(limit) if limit else None)


def at_once(*works: Callable[[], Outcome | None]) -> list[Outcome | None]:
    """Do all of these at the same time, each with a connection of its own."""
    start, found = threading.Barrier(len(works)), [None] * len(works)  # type: list[Outcome | None]

    def work(number: int) -> None:
        start.wait()
        try:
            found[number] = works[number]()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_the_same_wish_of_many_processes_is_one_order_and_one_fill() -> None:
    found = at_once(*[lambda: broker().submit(buy("a"))] * THREADS)

    assert {one.order.id for one in found if isinstance(one, Accepted)} == {found[0].order.id}  # type: ignore[union-attr]
    assert all(isinstance(one, Accepted) for one in found)
    assert (PaperAccount.objects.count(), PaperOrder.objects.count(), PaperFill.objects.count()) == (1, 1, 1)
    assert PaperPosition.objects.get().quantity == 10


def test_many_purchases_at_once_spend_no_more_than_there_is() -> None:
    works = [lambda number=number: broker().submit(buy(f"{number}", "400", "100")) for number in range(THREADS)]

    found = at_once(*works)

    assert sum(isinstance(one, Accepted) for one in found) == 2
    assert sum(isinstance(one, Rejected) for one in found) == THREADS - 2
    fills = PaperFill.objects.all()
    assert PaperAccount.objects.get().cash == 100_000 - sum(fill.quantity * fill.price for fill in fills)
    assert PaperPosition.objects.get().quantity == 800


def test_many_settlements_at_once_take_a_quoted_size_once() -> None:
    broker(ask_size=Decimal("0.5")).submit(buy("a", "10"))
    assert PaperFill.objects.count() == 0  # half a unit is no whole one

    at_once(*[lambda: broker(ask_size=Decimal(4)).settle(at=NOON)] * THREADS)

    assert [fill.quantity for fill in PaperFill.objects.all()] == [4]
    assert PaperOrder.objects.get().filled_quantity == PaperPosition.objects.get().quantity == 4


def test_an_order_is_either_cancelled_or_filled_whoever_comes_first() -> None:
    broker(ask=Decimal(200)).submit(buy("a", limit="100"))

    at_once(lambda: broker().cancel("a"), lambda: broker().settle(at=NOON))

    order = PaperOrder.objects.get()
    assert order.standing in (Standing.CANCELLED.value, Standing.FILLED.value)
    assert order.filled_quantity == sum(fill.quantity for fill in PaperFill.objects.all())
    assert PaperPosition.objects.count() == (order.standing == Standing.FILLED.value)


def test_a_commit_whose_answer_is_lost_is_unknown_and_found_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    broker().account()
    commit = connection.commit

    def lost(*_: Any) -> None:
        monkeypatch.undo()
        commit()
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "commit", lost)

    outcome = broker().submit(buy("a"))

    assert isinstance(outcome, Unknown)
    found = broker().order("a")
    assert found is not None
    assert found.standing is Standing.FILLED


def test_nobody_can_take_an_accepted_order_back_by_rolling_back() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        broker().submit(buy("a"))

    assert broker().order("a") is None


def test_the_database_itself_refuses_a_second_order_of_an_id_and_a_debt() -> None:
    broker().submit(buy("a"))
    row = PaperOrder.objects.get()
    row.pk = None

    with pytest.raises(IntegrityError):
        row.save(force_insert=True)
    with pytest.raises(IntegrityError):
        PaperAccount.objects.update(cash=-1)
    with pytest.raises(IntegrityError):
        PaperAccount.objects.create(pk=2, cash=1, last_equity=1, settled_at=NOON)
    with pytest.raises(IntegrityError):
        PaperOrder.objects.update(filled_quantity=11)
    with pytest.raises(IntegrityError):
        PaperPosition.objects.update(quantity=0)
