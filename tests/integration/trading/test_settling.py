"""Orders of which nobody knows are asked for until somebody does."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError

from tests.integration.trading.memory_desk import CLOSE, MemoryDesk, held, run_of
from thor.trading import settling
from thor.trading.booking import book_order
from thor.trading.brokers.port import BrokerOrder, BrokerUnreachable, Standing
from thor.trading.models import Event, Happening, Intent, IntentState, Order, State
from thor.trading.services.reconciliation import reconcile_account
from thor.trading.settling import settle_orders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def settle(desk: MemoryDesk) -> dict[str, object]:
    return settle_orders(broker=desk.broker, at=desk.now).plain()


def test_partial_fills_are_booked_as_they_come(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    desk.broker.fill(order.client_order_id, "4", "90")

    assert settle(desk) == {"asked": 1, "filled": 1, "ended": 0}
    assert settle(desk) == {"asked": 1, "filled": 0, "ended": 0}
    desk.broker.fill(order.client_order_id, "6", "89")
    assert settle(desk) == {"asked": 1, "filled": 1, "ended": 1}

    assert settle(desk) == {"asked": 0, "filled": 0, "ended": 0}
    assert held() == 10


@pytest.mark.parametrize("standing", [Standing.EXPIRED, Standing.CANCELLED, Standing.REJECTED])
def test_an_order_that_the_broker_has_ended_is_over(desk: MemoryDesk, standing: Standing) -> None:
    order = desk.buy(limit="90")
    desk.broker.end(order.client_order_id, standing, "so it is")

    settle(desk)

    order.refresh_from_db()
    assert (order.state, order.reason, order.intent.state) == (standing, "so it is", IntentState.CANCELLED)


def test_a_question_without_an_answer_changes_nothing(desk: MemoryDesk) -> None:
    desk.broker.lose_answer()
    desk.buy()
    desk.broker.cut()
    desk.wait(hours=9)

    found = [settle(desk) for _ in range(3)]

    assert all("cut off" in str(one["unreachable"]) for one in found)
    assert Order.objects.get().state == State.UNKNOWN
    desk.broker.mend()
    settle(desk)
    assert held() == 10


def test_one_order_that_cannot_be_read_does_not_hide_the_others(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.broker.quote("QQQ", "100", "0")
    odd, other = desk.buy(limit="90"), desk.buy(symbol="QQQ")
    desk.broker.quote("QQQ", "100")
    ask = desk.broker.order

    def order(name: str) -> BrokerOrder | None:
        if name == odd.client_order_id:
            raise BrokerUnreachable("what it says cannot be read")
        return ask(name)

    monkeypatch.setattr(desk.broker, "order", order)
    found = settle(desk)

    other.refresh_from_db()
    assert other.state == State.FILLED
    assert "cannot be read" in str(found["unreachable"])


def test_an_order_that_cannot_be_booked_does_not_keep_the_others_from_it(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.broker.quote("QQQ", "100", "0")
    odd, other = desk.buy(limit="90"), desk.buy(symbol="QQQ")
    desk.broker.quote("QQQ", "100")
    book = settling.book_order

    def fail(order: Order, told: BrokerOrder, *, at: datetime) -> Order:
        if order.pk == odd.pk:
            raise IntegrityError("it does not fit")
        return book(order, told, at=at)

    monkeypatch.setattr(settling, "book_order", fail)
    found = settle(desk)
    settle(desk)

    assert found["failed"] == {"SPY": "IntegrityError: it does not fit"}
    assert Event.objects.filter(key__startswith="error:settling").count() == 1
    other.refresh_from_db()
    assert other.state == State.FILLED


def test_a_broker_that_answers_nothing_is_not_asked_for_every_order(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("A", "B", "C", "D", "E"):
        desk.broker.quote(symbol, "100")
        desk.buy(limit="90", symbol=symbol)
    asked: list[str] = []

    def order(name: str) -> None:
        asked.append(name)
        raise BrokerUnreachable("it is away")

    monkeypatch.setattr(desk.broker, "order", order)
    settle(desk)

    assert len(asked) == 3


def test_absence_is_believed_twice_late_enough_and_apart(desk: MemoryDesk) -> None:
    desk.broker.lose_request()
    order = desk.buy()

    states = []
    for seconds in (60, 61, 10, 30):  # too soon, the first, too near to it, the second
        desk.wait(seconds=seconds)
        settle(desk)
        order.refresh_from_db()
        states.append((order.state, order.absences))

    assert states == [("unknown", 0), ("unknown", 1), ("unknown", 1), ("absent", 2)]
    assert Event.objects.filter(kind="monitoring_alert").count() == 1


def test_an_absent_order_keeps_its_symbol_until_its_day_is_over(desk: MemoryDesk) -> None:
    desk.broker.lose_request()
    order = desk.buy()
    for _ in range(2):
        desk.wait(minutes=3)
        settle(desk)
    assert desk.plan(desk.want(session_date="2026-03-04"), run=2) is None

    desk.wait(seconds=(CLOSE - desk.now).total_seconds() + 29 * 60)
    settle(desk)
    order.refresh_from_db()
    assert order.state == State.ABSENT
    desk.wait(minutes=1)
    settle(desk)

    order.refresh_from_db()
    assert (order.state, order.reason) == (State.DROPPED, "it never arrived")
    assert Intent.objects.earliest("pk").state == IntentState.CANCELLED


def test_an_absent_order_that_turns_up_is_followed(desk: MemoryDesk) -> None:
    desk.broker.delay_request()
    order = desk.buy()
    for _ in range(2):
        desk.wait(minutes=3)
        settle(desk)

    desk.broker.arrive()
    settle(desk)

    order.refresh_from_db()
    assert (order.state, order.absences, held()) == (State.FILLED, 0, 10)


def test_an_order_that_was_planned_and_never_sent_is_dropped_after_ten_minutes(desk: MemoryDesk) -> None:
    desk.plan(desk.want())

    desk.wait(minutes=9, seconds=59)
    settle(desk)
    assert Order.objects.get().state == State.PLANNED
    desk.wait(seconds=1)
    settle(desk)

    assert Order.objects.get().state == State.DROPPED
    assert desk.send(Order.objects.get()).state == State.DROPPED
    assert desk.broker.requests == []


def late_fill_of_a_cancelled_sale(desk: MemoryDesk, filled: str) -> Order:
    """Let so many of ten shares be sold by a sale that was called cancelled; return the next one, which works on."""
    desk.buy()
    first = desk.sell(limit="120")
    desk.broker.end(first.client_order_id, Standing.CANCELLED)
    settle(desk)
    second = desk.send(desk.plan(first.intent, limit="120", run=3))
    desk.broker.fill(first.client_order_id, filled, "100")
    return second


@pytest.mark.parametrize(("filled", "state"), [("10", IntentState.DONE), ("4", IntentState.PLANNED)])
def test_a_sale_of_what_was_sold_meanwhile_is_cancelled(desk: MemoryDesk, filled: str, state: IntentState) -> None:
    """On a margin account it would be filled, and end short."""
    second = late_fill_of_a_cancelled_sale(desk, filled)
    desk.wait(minutes=3)

    reconcile_account(broker=desk.broker, run=run_of(9), at=desk.now)

    second.refresh_from_db()
    assert (second.state, second.filled_quantity) == (State.CANCELLED, 0)
    assert desk.broker.open_orders() == []
    assert held() == 10 - Decimal(filled) == sum(one.quantity for one in desk.broker.positions())
    assert second.intent.state == state
    (alert,) = Event.objects.filter(key=f"{second.client_order_id}:oversells")
    assert (alert.kind, alert.symbol) == (Happening.ALERT, "SPY")


def test_a_sale_that_cannot_be_cancelled_now_is_asked_for_again(desk: MemoryDesk) -> None:
    second = late_fill_of_a_cancelled_sale(desk, "10")
    book_order(Order.objects.exclude(pk=second.pk).get(side="sell"), desk.broker.every_order()[1], at=desk.now)
    desk.broker.delay_cancel()

    settle(desk)
    second.refresh_from_db()
    assert (second.state, second.cancel_asked_at) == (State.WORKING, desk.now)

    settle(desk)
    second.refresh_from_db()
    assert second.state == State.CANCELLED
    assert Event.objects.filter(key__endswith=":oversells").count() == 1


def test_a_sale_of_what_is_held_goes_on(desk: MemoryDesk) -> None:
    desk.buy()
    sale = desk.sell(limit="120")
    desk.broker.fill(sale.client_order_id, "4", "120")

    settle(desk)
    settle(desk)

    sale.refresh_from_db()
    assert (sale.state, sale.filled_quantity, sale.cancel_asked_at) == (State.PARTIAL, 4, None)
