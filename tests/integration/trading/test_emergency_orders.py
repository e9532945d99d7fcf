"""No order of which nobody knows keeps an emergency from being sold for longer than it takes to know."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.daily_days import sessions_before, split, write_days
from tests.integration.trading.swing_desk import (
    DAY,
    MINUTE,
    OPEN,
    SwingDesk,
    a_run,
    dying,
    exits,
    orders,
    said,
    sales,
)
from thor.trading.brokers.port import Kind
from thor.trading.desk import hold
from thor.trading.exits import Wanted, want_exit
from thor.trading.models import Intent, Order, Purpose, Reconciliation, State, Trade
from thor.trading.ordering import plan_order, send_order
from thor.trading.positions import find_external, open_position
from thor.trading.selectors import holdings
from thor.trading.services.emergency_exits import exit_emergencies
from thor.trading.services.exit_intents import execute_exit_intents
from thor.trading.services.order_polling import poll_orders
from thor.trading.settling import settle_orders
from thor.trading.switch import set_switch

BOUGHT = datetime(2026, 2, 20, 20, 40, tzinfo=UTC)
NOON = OPEN + timedelta(hours=2, minutes=30)
YEAR = [session.date for session in sessions_before(DAY, 252)]


@pytest.fixture
def held(swing_desk: SwingDesk) -> SwingDesk:
    """Hold a thousand shares bought at 100 by an account of 100,000, at 112 by now."""
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "1000", since=BOUGHT)
    swing_desk.at(OPEN + 5 * MINUTE)
    swing_desk.price("SPY", "112")
    return swing_desk


def wish(*, is_forced: bool = False) -> Intent:
    position = open_position("SPY")
    assert position is not None
    with hold():
        wanted = Wanted("target", "gained 12 %", "eod", date(2026, 3, 2), is_forced=is_forced)
        return want_exit(position, wanted, at=BOUGHT, run=a_run(99))


def execute(desk: SwingDesk, at: datetime, run: int) -> dict[str, Any]:
    desk.at(at)
    desk.price("SPY", "112")
    return execute_exit_intents(broker=desk.broker, at=at, run=a_run(run))


def look(desk: SwingDesk, at: datetime = NOON, price: str = "70", run: int = 1) -> dict[str, Any]:
    desk.at(at)
    desk.price("SPY", price)
    return exit_emergencies(broker=desk.broker, at=at, run=a_run(run))


def poll(desk: SwingDesk, at: datetime, run: int = 50) -> object:
    desk.at(at)
    return poll_orders(broker=desk.broker, at=at, run=a_run(run))


def lost_exit(desk: SwingDesk, *, is_forced: bool) -> Order:
    """Send an exit that never arrives, and learn so."""
    wish(is_forced=is_forced)
    desk.broker.lose_request()
    execute(desk, OPEN + 10 * MINUTE, 1)
    for minute in (13, 14):
        settle_orders(broker=desk.broker, at=desk.at(OPEN + minute * MINUTE))
    order = Order.objects.get(side="sell")
    assert order.state == State.ABSENT
    return order


def buys(desk: SwingDesk) -> Order:
    """Send a purchase of ten more."""
    at = desk.clock.now()
    with hold():
        intent = Intent.objects.create(
            run=a_run(60), symbol="SPY", purpose=Purpose.ADD_ON.value, session_date=DAY, decided_at=at, updated_at=at
        )
        order = plan_order(intent, quantity=Decimal(10), kind=Kind.MARKET, at=at, run=a_run(60), good_until=None)
    assert order is not None
    return send_order(order, broker=desk.broker, at=at)


@pytest.mark.parametrize("switch", ["active", "halted"])
def test_a_limit_that_never_arrived_is_sent_again_and_cancelled_before_the_market_price(
    held: SwingDesk, switch: str
) -> None:
    lost = lost_exit(held, is_forced=False)
    if switch != "active":
        set_switch(switch, reason="looking into it", by="boss", at=NOON)

    told = look(held)

    assert told["emergencies"] == {"SPY": "sent"}
    assert sales() == [("limit", "cancelled"), ("market", "filled")]
    assert held.broker.requests[1].client_order_id == lost.client_order_id
    assert Trade.objects.get().exit_type == "EMERGENCY_EXIT"


@pytest.mark.parametrize("switch", ["active", "halted"])
def test_a_market_order_that_never_arrived_is_sent_again_and_is_the_emergency_s(held: SwingDesk, switch: str) -> None:
    lost = lost_exit(held, is_forced=True)
    if switch != "active":
        set_switch(switch, reason="looking into it", by="boss", at=NOON)

    look(held)

    assert sales() == [("market", "filled")]
    assert {one.client_order_id for one in held.broker.requests} == {lost.client_order_id}
    assert open_position("SPY") is None


def test_a_market_order_of_a_halted_exit_that_was_never_sent_gives_way(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish(is_forced=True)
    with dying("planned", monkeypatch):
        execute(held, NOON - MINUTE, 1)
    set_switch("halted", reason="looking into it", by="boss", at=NOON)

    look(held, run=2)

    assert sales() == [("market", "dropped"), ("market", "filled")]


def test_an_exit_that_never_arrived_and_may_not_be_sent_again_is_not_called_sent(held: SwingDesk) -> None:
    lost_exit(held, is_forced=True)
    set_switch("halted", reason="looking into it", by="boss", at=NOON)

    told = execute(held, OPEN + 20 * MINUTE, 2)

    assert (told["executed"], told["others"]) == (0, {"SPY": "refused"})
    assert said("exit_refused") == ["its order never arrived, and the switch does not let it be sent again"]


def test_a_purchase_that_never_arrived_is_dropped_and_the_position_sold(held: SwingDesk) -> None:
    held.broker._cash += 5000
    held.broker.lose_request()
    buys(held)
    for minute in (8, 9):
        settle_orders(broker=held.broker, at=held.at(OPEN + minute * MINUTE))

    look(held)

    assert [one[1:] for one in orders("SPY")][1:] == [("buy", "market", "dropped"), ("sell", "market", "filled")]


def test_a_limit_that_never_arrived_goes_at_the_market_price_at_the_end_of_the_window(held: SwingDesk) -> None:
    lost_exit(held, is_forced=False)
    held.broker.quote("SPY", "111")

    held.at(OPEN + 28 * MINUTE)
    execute_exit_intents(broker=held.broker, at=OPEN + 28 * MINUTE, run=a_run(3))

    assert sales() == [("limit", "cancelled"), ("market", "filled")]
    assert exits()[0].carried == 0


def test_a_sale_that_is_refused_when_it_is_sent_again_makes_way_for_another(held: SwingDesk) -> None:
    lost_exit(held, is_forced=True)
    held.broker.refuse("the quantity is not available")

    look(held)

    assert sales() == [("market", "rejected"), ("market", "filled")]


def test_a_sale_that_arrived_after_all_when_it_was_sent_again_is_no_refused_one(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lost_exit(held, is_forced=True)
    held.broker.refuse("it is there already")
    submit = held.broker.submit

    def arrive(request: Any) -> Any:
        held.broker.take(request)
        return submit(request)

    monkeypatch.setattr(held.broker, "submit", arrive)
    look(held)

    assert sales() == [("market", "filled")]
    assert [one.client_order_id for one in held.broker.every_order()][1:] == [lost.client_order_id]


def test_polling_goes_on_with_an_emergency_as_soon_as_it_is_known_what_became_of_its_order(held: SwingDesk) -> None:
    held.broker.lose_request()
    look(held)

    states = [poll(held, NOON + minute * MINUTE, 50 + minute) and sales() for minute in (1, 3, 6)]

    assert states == [[("market", "unknown")], [("market", "unknown")], [("market", "filled")]]


def test_polling_goes_on_with_an_emergency_that_was_refused(held: SwingDesk) -> None:
    held.broker.refuse("try later")
    look(held)

    assert poll(held, NOON + 3 * MINUTE) == {"asked": 0, "filled": 0, "ended": 0, "emergencies": {"SPY": "sent"}}
    assert sales() == [("market", "rejected"), ("market", "filled")]


def test_polling_waits_with_an_emergency_until_reconciliation_lets_exits_pass(held: SwingDesk) -> None:
    held.broker.refuse("try later")
    look(held)
    Reconciliation.objects.all().delete()

    told = poll(held, NOON + 3 * MINUTE)

    assert isinstance(told, dict)
    assert told["emergencies_wait"] == "the account has not been reconciled yet"
    assert sales() == [("market", "rejected")]


def test_polling_sells_no_planned_exit_and_nothing_while_the_market_is_shut(held: SwingDesk) -> None:
    wish()

    assert poll(held, OPEN + 6 * MINUTE) == "no pending orders"
    held.broker.refuse("try later")
    look(held)
    assert poll(held, OPEN + timedelta(hours=7)) == "no pending orders"
    assert sales() == [("market", "rejected")]


def test_a_position_that_cost_nothing_keeps_no_other_from_being_sold(held: SwingDesk) -> None:
    with hold():
        find_external("QQQ", Decimal(3), Decimal(0), at=BOUGHT, key="given")
    split("QQQ", DAY, "2")
    held.at(NOON)
    held.price("QQQ", "50")

    told = look(held)

    assert told["emergencies"] == {"SPY": "sent"}
    assert "failed" not in told
    assert [one.gain_percent for one in holdings(at=NOON)] == [None]


def test_a_quote_that_cannot_be_read_keeps_no_other_from_being_sold(held: SwingDesk) -> None:
    held.broker._cash += 200
    held.holds("QQQ", "1", since=BOUGHT)
    held.at(NOON)
    held.quote("QQQ", 50, last_at="yesterday or so")

    told = look(held)

    assert told["emergencies"] == {"SPY": "sent"}
    assert told["failed"]["QQQ"].startswith("ValueError")
