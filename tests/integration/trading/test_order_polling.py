"""Orders are polled while there are any, and entries that nobody fills are cancelled."""

import pytest

from tests.integration.trading.memory_desk import MemoryDesk, held, run_of
from thor.testing.alpaca_rest import AlpacaRest
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.brokers.port import Unknown
from thor.trading.models import Event, IntentState, Order, Purpose, State
from thor.trading.ordering import send_order
from thor.trading.services.order_polling import poll_orders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def poll(desk: MemoryDesk) -> object:
    return poll_orders(broker=desk.broker, at=desk.now, run=run_of(99))


def test_without_pending_orders_the_broker_is_not_asked(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.buy()
    asked: list[str] = []
    monkeypatch.setattr(desk.broker, "order", asked.append)

    assert poll(desk) == "no pending orders"
    assert asked == []


def test_what_was_planned_and_never_sent_is_dropped_all_the_same(desk: MemoryDesk) -> None:
    desk.plan(desk.want())
    desk.wait(minutes=10)

    assert poll(desk) == "no pending orders"
    assert Order.objects.get().state == State.DROPPED


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.EXIT])
def test_partial_fills_of_purchases_and_sales_are_booked(desk: MemoryDesk, purpose: Purpose) -> None:
    desk.buy()
    desk.broker.quote("SPY", "100", "0")
    order = desk.send(desk.plan(desk.want(purpose, session_date="2026-03-04"), run=2))
    desk.broker.fill(order.client_order_id, "4", "100")

    assert poll(desk) == {"asked": 1, "filled": 1, "ended": 0}
    assert held() == (14 if purpose is Purpose.ENTRY else 6)


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.ADD_ON])
def test_an_entry_is_cancelled_after_fifteen_minutes_and_keeps_what_was_filled(
    desk: MemoryDesk, purpose: Purpose
) -> None:
    order = desk.send(desk.plan(desk.want(purpose), limit="90"))
    desk.broker.fill(order.client_order_id, "4", "90")
    desk.wait(minutes=14, seconds=59)
    assert poll(desk) == {"asked": 1, "filled": 1, "ended": 0}
    desk.wait(seconds=1)

    assert poll(desk) == {"asked": 1, "filled": 0, "ended": 0, "timed_out": [order.client_order_id]}

    order.refresh_from_db()
    assert (order.state, order.filled_quantity, held()) == (State.CANCELLED, 4, 4)
    assert order.intent.state == IntentState.DONE


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.EMERGENCY])
def test_a_sale_is_not_cancelled_here(desk: MemoryDesk, purpose: Purpose) -> None:
    desk.buy()
    order = desk.send(desk.plan(desk.want(purpose), limit="200", run=2))
    desk.wait(hours=3)

    poll(desk)

    order.refresh_from_db()
    assert (order.state, order.cancel_asked_at) == (State.WORKING, None)


def test_a_cancellation_that_comes_too_late_books_the_fill(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    desk.wait(minutes=15)
    desk.broker.delay_cancel()
    poll(desk)
    desk.broker.fill(order.client_order_id, "10", "90")
    desk.broker.arrive()

    assert poll(desk) == {"asked": 1, "filled": 1, "ended": 1}
    assert held() == 10


def test_an_order_that_cannot_be_cancelled_does_not_keep_the_others_from_it(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.broker.quote("QQQ", "100")
    odd, other = desk.buy(limit="90"), desk.buy(limit="90", symbol="QQQ")
    desk.wait(minutes=15)
    cancel = desk.broker.cancel

    def fail(client_order_id: str) -> object:
        if client_order_id == odd.client_order_id:
            raise ValueError("what is this?")
        return cancel(client_order_id)

    monkeypatch.setattr(desk.broker, "cancel", fail)
    found = poll(desk)
    poll(desk)

    other.refresh_from_db()
    assert other.state == State.CANCELLED
    assert isinstance(found, dict)
    assert found["failed"] == {"SPY": "ValueError: what is this?"}
    assert Event.objects.filter(key__startswith="error:cancelling").count() == 1


def test_where_the_broker_does_not_answer_nothing_is_cancelled(desk: MemoryDesk) -> None:
    desk.buy(limit="90")
    desk.wait(minutes=15)
    desk.broker.cut()

    found = poll(desk)

    assert found == {"asked": 1, "filled": 0, "ended": 0, "unreachable": "the broker in memory is cut off"}
    assert Order.objects.get().cancel_asked_at is None


def test_an_entry_of_a_session_that_is_over_is_cancelled_once_a_poll(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = desk.buy(limit="90")
    cancelled: list[str] = []
    monkeypatch.setattr(desk.broker, "cancel", lambda name: cancelled.append(name) or Unknown("no answer"))
    desk.wait(hours=17)

    assert poll(desk) == {"asked": 1, "filled": 0, "ended": 0}
    assert cancelled == [order.client_order_id]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("new", "working"),
        ("accepted", "working"),
        ("pending_new", "working"),
        ("held", "working"),
        ("done_for_day", "working"),
        ("stopped", "working"),
        ("pending_cancel", "working"),
        ("a_word_of_later_days", "working"),
        ("partially_filled", "partial"),
        ("canceled", "cancelled"),
        ("cancelled", "cancelled"),
        ("replaced", "cancelled"),
        ("rejected", "rejected"),
        ("expired", "expired"),
        ("filled", "filled"),
    ],
)
def test_every_word_of_alpaca_is_a_state(
    desk: MemoryDesk, rest: AlpacaRest, alpaca_broker: AlpacaBroker, word: str, state: str
) -> None:
    rest.book.quote("SPY", "100", "0")
    order = desk.plan(desk.want())
    assert order is not None
    send_order(order, broker=alpaca_broker, at=desk.now)
    rest.words[order.client_order_id] = word

    poll_orders(broker=alpaca_broker, at=desk.now, run=run_of(99))

    order.refresh_from_db()
    assert (order.state, order.broker_status) == (state, word)
