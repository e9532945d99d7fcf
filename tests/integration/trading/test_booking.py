"""Whatever a broker tells, however often and in whatever order, is booked once."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.integration.trading.memory_desk import MemoryDesk, held, position, told
from thor.trading.booking import book_order
from thor.trading.brokers.port import BrokerOrder, Side, Standing
from thor.trading.models import Event, Fill, Intent, IntentState, Order, State

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def answer(desk: MemoryDesk, order: Order) -> BrokerOrder:
    found = desk.broker.order(order.client_order_id)
    assert found is not None
    return found


def filled(desk: MemoryDesk, order: Order, quantity: str, price: str) -> BrokerOrder:
    desk.broker.fill(order.client_order_id, quantity, price)
    return answer(desk, order)


def test_what_is_told_twice_is_booked_once(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    part = filled(desk, order, "4", "90")

    for _ in range(2):
        book_order(order, part, at=desk.now)

    assert [(fill.quantity, fill.price) for fill in Fill.objects.all()] == [(4, 90)]
    assert held() == 4
    assert told() == ["order_submitted", "order_filled"]


def test_an_older_answer_takes_nothing_back(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    new, part = answer(desk, order), filled(desk, order, "4", "90")
    full = filled(desk, order, "6", "89")

    for told_now in (full, part, new):
        after = book_order(order, told_now, at=desk.now)

    assert (after.state, after.filled_quantity, held()) == (State.FILLED, 10, 10)


def test_what_the_broker_has_ended_is_not_opened_by_an_older_answer(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    working = answer(desk, order)
    desk.broker.end(order.client_order_id, Standing.CANCELLED, "by hand")
    book_order(order, answer(desk, order), at=desk.now)

    after = book_order(order, working, at=desk.now)

    assert (after.state, after.reason) == (State.CANCELLED, "by hand")


@pytest.mark.parametrize("standing", [Standing.CANCELLED, Standing.EXPIRED, Standing.FILLED])
def test_an_order_of_which_a_fill_is_taken_back_ends_and_is_said_once(desk: MemoryDesk, standing: Standing) -> None:
    order = desk.buy(limit="90")
    part = filled(desk, order, "4", "90")
    book_order(order, part, at=desk.now)
    shrunk = replace(part, filled_quantity=Decimal(3), standing=standing)

    for _ in range(2):
        after = book_order(order, shrunk, at=desk.now)

    assert (after.state, after.filled_quantity, held()) == (standing, 4, 4)
    assert Intent.objects.get().state == IntentState.DONE
    assert Event.objects.filter(kind="monitoring_alert").values_list("key", flat=True).get().endswith(":shrunk:3")


def test_a_fill_that_is_taken_back_after_the_end_is_said(desk: MemoryDesk) -> None:
    order = desk.buy()

    after = book_order(order, replace(answer(desk, order), filled_quantity=Decimal(8)), at=desk.now)

    assert (after.state, held()) == (State.FILLED, 10)
    assert told()[-1] == "monitoring_alert"


def test_each_fill_has_the_price_that_its_part_of_the_average_must_have_had(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")

    for quantity, price in (("3", "90"), ("3", "89.5"), ("4", "88.1234")):
        book_order(order, filled(desk, order, quantity, price), at=desk.now)

    assert [fill.price for fill in Fill.objects.order_by("cumulative")] == [90, Decimal("89.5"), Decimal("88.1234")]
    assert position().cost == Decimal("890.9936")


def test_a_fill_has_the_time_at_which_the_broker_told_of_it(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    at = desk.wait(minutes=7)
    part = filled(desk, order, "4", "90")
    desk.wait(hours=2)

    book_order(order, part, at=desk.now)

    assert Fill.objects.get().at == position().opened_at == at
    assert Event.objects.get(kind="order_filled").at == at


@pytest.mark.parametrize(
    "lie",
    [
        {"symbol": "QQQ"},
        {"side": Side.SELL},
        {"client_order_id": "another"},
        {"filled_quantity": Decimal(11)},
        {"filled_quantity": Decimal(5), "filled_average_price": None},
    ],
)
def test_what_cannot_be_is_said_and_not_booked(desk: MemoryDesk, lie: dict[str, object]) -> None:
    order = desk.buy(limit="90")

    for _ in range(2):
        book_order(order, replace(answer(desk, order), **lie), at=desk.now)  # type: ignore[arg-type]

    assert held() == 0
    assert told() == ["order_submitted", "monitoring_alert"]


def test_places_that_the_journal_has_not_do_not_stop_an_order_from_ending(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    part = replace(filled(desk, order, "1", "90"), filled_quantity=Decimal("0.123456789"))
    book_order(order, part, at=desk.now)

    after = book_order(order, replace(part, standing=Standing.CANCELLED), at=desk.now)

    assert (after.state, after.filled_quantity) == (State.CANCELLED, Decimal("0.123456"))


@pytest.mark.parametrize("standing", [Standing.WORKING, Standing.PARTIAL, Standing.FILLED])
def test_an_order_that_only_the_desk_gave_up_is_taken_up_again(desk: MemoryDesk, standing: Standing) -> None:
    desk.broker.delay_request()
    order = desk.buy(limit="90")
    Order.objects.update(state=State.DROPPED, reason="it never arrived")
    Intent.objects.update(state=IntentState.CANCELLED)
    desk.broker.arrive()
    if standing is not Standing.WORKING:
        desk.broker.fill(order.client_order_id, "10" if standing is Standing.FILLED else "4", "90")

    after = book_order(order, answer(desk, order), at=desk.now)

    assert after.state == standing
    assert after.intent.state == (IntentState.DONE if standing is Standing.FILLED else IntentState.WORKING)
    assert Event.objects.filter(key__endswith=":turned_up").count() == 1


def test_an_order_that_turns_up_beside_a_newer_one_is_booked_and_not_followed(desk: MemoryDesk) -> None:
    desk.broker.delay_request()
    old = desk.buy(limit="90")
    Order.objects.update(state=State.DROPPED)
    newer = desk.plan(desk.want(session_date="2026-03-04"), run=3)
    desk.broker.arrive()

    after = book_order(old, filled(desk, old, "4", "90"), at=desk.now)

    assert newer is not None
    assert (after.state, after.filled_quantity, held()) == (State.DROPPED, 4, 4)
    desk.broker.end(old.client_order_id, Standing.EXPIRED)
    assert book_order(old, answer(desk, old), at=desk.now).state == State.EXPIRED


def test_a_fill_that_comes_after_the_end_is_booked_and_its_intent_is_done(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    over = replace(answer(desk, order), standing=Standing.CANCELLED)
    book_order(order, over, at=desk.now)
    assert Intent.objects.get().state == IntentState.CANCELLED

    late = replace(over, filled_quantity=Decimal(3), filled_average_price=Decimal(90))
    book_order(order, late, at=desk.now)

    assert held() == 3
    assert (Order.objects.get().state, Intent.objects.get().state) == (State.CANCELLED, IntentState.DONE)


def test_a_sale_that_is_not_whole_is_wanted_again_and_one_that_is_is_done(desk: MemoryDesk) -> None:
    desk.buy()
    order = desk.sell(limit="200")
    desk.broker.fill(order.client_order_id, "4", "200")
    desk.broker.end(order.client_order_id, Standing.EXPIRED)

    book_order(order, answer(desk, order), at=desk.now)

    assert Intent.objects.get(purpose="exit").state == IntentState.PLANNED
    assert held() == 6
    desk.send(desk.plan(Intent.objects.get(purpose="exit"), "6", run=3))
    assert Intent.objects.get(purpose="exit").state == IntentState.DONE
