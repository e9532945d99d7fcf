"""An order is a row before it is a request, and is sent at most once."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from tests.integration.trading.fault_machine import Deaths, Died
from tests.integration.trading.memory_desk import CLOSE, MemoryDesk, held, told
from thor.trading import ordering
from thor.trading.brokers.port import Side
from thor.trading.models import Event, Fill, Intent, IntentState, Order, Purpose, Refusal, State
from thor.trading.ordering import cancel_order, order_id, send_order
from thor.trading.settling import settle_orders
from thor.trading.switch import set_switch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    found = Deaths()
    monkeypatch.setattr(ordering, "reach", found.reach)
    return found


def test_the_id_follows_from_run_purpose_session_leg_symbol_and_side(desk: MemoryDesk) -> None:
    intent = desk.want()
    names = [
        order_id(intent.run, purpose, day, leg, symbol, side)
        for purpose in (Purpose.ENTRY, Purpose.EXIT)
        for day in ("2026-03-03", "2026-03-04")
        for leg in ("market", "limit")
        for symbol in ("SPY", "QQQ")
        for side in Side
    ]

    assert len(set(names)) == 32
    assert order_id(intent.run, "entry", "2026-03-03", "market", "SPY", Side.BUY) == names[0]


def test_an_order_that_is_filled_at_once_is_booked_as_such(desk: MemoryDesk) -> None:
    order = desk.buy()

    assert (order.state, order.filled_quantity, held()) == (State.FILLED, 10, 10)
    assert order.intent.state == IntentState.DONE
    assert told() == ["order_submitted", "order_filled"]


def test_a_second_attempt_of_a_run_sends_nothing_again(desk: MemoryDesk) -> None:
    first = desk.buy()

    again = desk.send(desk.plan(Intent.objects.get()))

    assert again.pk == first.pk
    assert len(desk.broker.requests) == 1
    assert Fill.objects.count() == 1


def test_a_symbol_has_one_open_order(desk: MemoryDesk) -> None:
    desk.buy(limit="90")

    assert desk.plan(desk.want(Purpose.EXIT), run=2) is None
    order = Order.objects.get()
    order.pk, order.client_order_id = None, "another"
    with pytest.raises(IntegrityError):
        order.save(force_insert=True)


@pytest.mark.parametrize(
    ("step", "state", "sent"), [("planned", "planned", 0), ("sending", "sending", 0), ("submitted", "sending", 1)]
)
def test_a_process_that_dies_leaves_an_order_that_is_sent_once(
    desk: MemoryDesk, deaths: Deaths, step: str, state: str, sent: int
) -> None:
    deaths.arm(step)
    with pytest.raises(Died):
        desk.buy()
    assert (Order.objects.get().state, len(desk.broker.requests)) == (state, sent)

    desk.send(Order.objects.get())
    desk.wait(minutes=5)
    settle_orders(broker=desk.broker, at=desk.now)

    was_lost = step == "sending"  # nobody knows: it is asked for, and not simply sent
    assert len(desk.broker.requests) == (0 if was_lost else 1)
    assert held() == (0 if was_lost else 10)


@pytest.mark.parametrize(("fault", "arrived"), [("lose_answer", True), ("lose_request", False)])
def test_what_nobody_knows_is_asked_for_and_not_sent_again(desk: MemoryDesk, fault: str, arrived: bool) -> None:
    getattr(desk.broker, fault)()
    order = desk.buy()
    assert order.state == State.UNKNOWN

    again = desk.send(order)

    assert again.state == State.UNKNOWN
    assert len(desk.broker.requests) == 1
    settle_orders(broker=desk.broker, at=desk.now)
    assert Order.objects.get().state == (State.FILLED if arrived else State.UNKNOWN)
    assert desk.plan(desk.want(Purpose.EXIT), run=2) is None if not arrived else held() == 10


def test_a_refusal_ends_the_order_and_its_intent(desk: MemoryDesk) -> None:
    desk.broker.refuse("insufficient buying power")

    order = desk.buy()

    assert (order.state, order.reason) == (State.REJECTED, "insufficient buying power")
    assert (order.intent.state, order.intent.outcome) == (IntentState.CANCELLED, "insufficient buying power")
    assert told() == ["order_rejected"]


def test_a_refused_sale_is_wanted_again(desk: MemoryDesk) -> None:
    desk.buy()
    desk.broker.refuse("try later")

    order = desk.sell()

    assert order.state == State.REJECTED
    assert order.intent.state == IntentState.PLANNED


@pytest.mark.parametrize(
    ("word", "purpose", "passes"),
    [
        ("active", Purpose.ENTRY, True),
        ("reducing", Purpose.ENTRY, False),
        ("reducing", Purpose.EXIT, True),
        ("halted", Purpose.ENTRY, False),
        ("halted", Purpose.EXIT, False),
        ("halted", Purpose.EMERGENCY, True),
    ],
)
def test_the_switch_is_asked_where_an_order_leaves(desk: MemoryDesk, word: str, purpose: Purpose, passes: bool) -> None:
    desk.buy()
    kept = Refusal.objects.count()
    order = desk.plan(desk.want(purpose, session_date="2026-03-04"), "5", run=2)

    set_switch(word, reason="a test turns it", by="somebody", at=desk.now)
    after = desk.send(order)

    assert after.state == (State.FILLED if passes else State.DROPPED)
    assert len(desk.broker.requests) == 1 + passes
    assert Refusal.objects.count() == kept + (not passes)


@pytest.fixture
def absent(desk: MemoryDesk) -> Order:
    """Return an order that the broker, asked twice and late enough, does not have."""
    desk.broker.lose_request()
    order = desk.buy()
    for _ in range(2):
        desk.wait(minutes=3)
        settle_orders(broker=desk.broker, at=desk.now)
    order.refresh_from_db()
    assert order.state == State.ABSENT
    return order


def test_an_order_that_is_certainly_absent_is_sent_again_under_its_id(desk: MemoryDesk, absent: Order) -> None:
    after = desk.send(absent)

    assert after.state == State.FILLED
    assert {one.client_order_id for one in desk.broker.requests} == {absent.client_order_id}


def test_a_refusal_of_the_second_request_says_nothing_of_the_first(desk: MemoryDesk, absent: Order) -> None:
    desk.broker.refuse("duplicate")

    after = desk.send(absent)

    assert after.state == State.UNKNOWN
    assert "duplicate" in after.reason


def test_an_order_that_arrives_although_it_was_sent_again_is_one_order(desk: MemoryDesk) -> None:
    desk.broker.delay_request()
    order = desk.buy()
    for _ in range(2):
        desk.wait(minutes=3)
        settle_orders(broker=desk.broker, at=desk.now)

    desk.send(order)
    desk.broker.arrive()
    settle_orders(broker=desk.broker, at=desk.now)

    assert len(desk.broker.every_order()) == 1
    assert held() == 10


def test_a_cancellation_is_over_when_the_broker_says_so(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    desk.broker.delay_cancel()

    asked = cancel_order(order, broker=desk.broker, at=desk.now)
    assert (asked.state, asked.broker_status) == (State.WORKING, "pending_cancel")
    assert Order.objects.get().cancel_asked_at == desk.now

    desk.broker.fill(order.client_order_id, "4", "90")
    desk.broker.arrive()
    settle_orders(broker=desk.broker, at=desk.now)

    order.refresh_from_db()
    assert (order.state, order.filled_quantity, held()) == (State.CANCELLED, 4, 4)
    assert order.intent.state == IntentState.DONE


@pytest.mark.parametrize("ends", [True, False])
def test_a_cancellation_without_an_answer_changes_nothing(desk: MemoryDesk, ends: bool) -> None:
    order = desk.buy(limit="90")
    if ends:
        desk.broker.fill(order.client_order_id, "10", "90")  # cancelled too late
    else:
        desk.broker.cut()

    assert cancel_order(order, broker=desk.broker, at=desk.now).state == State.WORKING

    desk.broker.mend()
    settle_orders(broker=desk.broker, at=desk.now)
    assert held() == (10 if ends else 0)


def test_two_who_send_one_order_send_it_once(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.plan(desk.want())
    steps: list[Callable[[], object]] = [lambda: None]

    def reach(step: str) -> None:
        if step == "planned" and steps:
            steps.pop()()
            desk.send(order)  # another process is quicker

    monkeypatch.setattr(ordering, "reach", reach)
    desk.send(order)

    assert len(desk.broker.requests) == 1
    assert Event.objects.filter(kind="order_submitted").count() == 1
    assert held() == Decimal(10)


@pytest.mark.parametrize(("seconds", "state"), [(31, State.FILLED), (30, State.DROPPED)])
def test_a_purchase_does_not_leave_in_the_last_half_minute_of_its_session(
    desk: MemoryDesk, seconds: int, state: State
) -> None:
    order = desk.plan(desk.want())
    assert order is not None

    after = send_order(order, broker=desk.broker, at=desk.now, now=lambda: CLOSE - timedelta(seconds=seconds))

    assert after.state == state
    assert Refusal.objects.filter(gate="too_late").count() == (state is State.DROPPED)


def test_a_sale_leaves_at_any_time(desk: MemoryDesk) -> None:
    desk.buy()
    order = desk.plan(desk.want(Purpose.EXIT), run=2)
    assert order is not None

    after = send_order(order, broker=desk.broker, at=desk.now, now=lambda: CLOSE)

    assert (after.state, after.sent_at) == (State.FILLED, CLOSE)


def test_a_sale_that_the_broker_refuses_the_second_time_and_does_not_have_is_refused(desk: MemoryDesk) -> None:
    desk.buy()
    desk.broker.lose_request()
    order = desk.sell()
    for _ in range(2):
        desk.wait(minutes=3)
        settle_orders(broker=desk.broker, at=desk.now)
    desk.broker.refuse("not today")

    after = desk.send(order)

    assert (after.state, after.intent.state) == (State.REJECTED, IntentState.PLANNED)
