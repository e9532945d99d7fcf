"""The broker is right: whatever it says of account, positions and orders, the journal follows or says so."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.fault_machine import Deaths, Died
from tests.integration.trading.memory_desk import CLOSE, MemoryDesk, held, position, run_of
from thor.trading.brokers.port import BrokerFill, BrokerUnreachable, OpenOrders, OrderRequest, Side, Standing
from thor.trading.models import Event, Intent, IntentState, Order, Position, Purpose, Reconciliation, State, Trade
from thor.trading.services import reconciliation as service
from thor.trading.settling import settle_orders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def reconcile(desk: MemoryDesk, run: int = 100) -> Reconciliation:
    service.reconcile_account(broker=desk.broker, run=run_of(run), at=desk.now)
    return Reconciliation.objects.get(run=run_of(run))


def elsewhere(desk: MemoryDesk, quantity: str, symbol: str = "SPY", side: Side = Side.BUY, name: str = "hand") -> None:
    """Trade beside the desk, and let a while pass."""
    desk.broker.take(OrderRequest(name, symbol, side, Decimal(quantity)))
    desk.wait(minutes=5)


def alerts() -> list[str]:
    return list(Event.objects.filter(kind="monitoring_alert").values_list("fields__reason", flat=True))


def test_an_account_that_agrees_is_ready(desk: MemoryDesk) -> None:
    desk.buy()
    desk.wait(minutes=5)

    result = service.reconcile_account(broker=desk.broker, run=run_of(100), at=desk.now)

    assert result == {
        "status": "READY", "safe_mode": False, "positions_count": 1, "open_orders": {"total": 0}, "warnings": [],
        "errors": [], "external": [], "settled": {"asked": 0, "filled": 0, "ended": 0},
    }  # fmt: skip
    row = Reconciliation.objects.get()
    assert (row.equity, row.buying_power, row.heat) == (100_000, 99_000, 0.01)


def test_the_line_in_the_log_is_that_of_the_documents(desk: MemoryDesk, caplog: pytest.LogCaptureFixture) -> None:
    desk.buy()
    desk.broker.quote("QQQ", "100", "0")
    desk.buy(symbol="QQQ")

    with caplog.at_level(logging.INFO, "thor.trading"):
        reconcile(desk)

    assert "Reconciliation status=ok safe_mode=false positions=1 orders=1" in caplog.messages


def test_a_second_attempt_returns_what_the_first_one_found(desk: MemoryDesk) -> None:
    first = reconcile(desk)
    elsewhere(desk, "5")

    assert reconcile(desk) == first
    assert held() == 0
    assert reconcile(desk, run=101).external == ["SPY"]


def test_a_position_from_outside_is_written_down_and_closed_to_purchases(desk: MemoryDesk) -> None:
    elsewhere(desk, "5")

    row = reconcile(desk)

    assert (row.status, row.is_safe_mode, row.external) == ("READY", False, ["SPY"])
    assert (held(), position().entry_price, position().source) == (5, 100, "BROKER_RECONCILIATION")
    assert row.warnings == ["the broker holds 5 SPY, the journal 0; it is written down as external"]
    again = reconcile(desk, run=101)
    assert (again.warnings, again.external) == ([], ["SPY"])
    assert len(alerts()) == 1


def test_a_position_from_outside_is_only_said_where_that_is_wanted(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = service.limits()
    monkeypatch.setattr(service, "limits", lambda: replace(rules, reconciliation_backfill_enabled=False))
    elsewhere(desk, "5")

    row = reconcile(desk)

    assert (row.status, row.external, held()) == ("READY", ["SPY"], 0)


def test_a_position_that_vanished_is_closed_as_external(desk: MemoryDesk) -> None:
    desk.buy()
    desk.want(Purpose.EXIT)
    elsewhere(desk, "10", side=Side.SELL)

    row = reconcile(desk)

    assert (row.status, held()) == ("SAFE_MODE", 0)
    assert (Trade.objects.get().exit_type, Trade.objects.get().exit_price) == ("EXTERNAL_CLOSE", 100)
    assert Intent.objects.get(purpose="exit").state == IntentState.CANCELLED
    assert reconcile(desk, run=101).status == "READY"


@pytest.mark.parametrize(("side", "quantity", "own"), [(Side.BUY, 14, 10), (Side.SELL, 6, 6)])
def test_another_quantity_counts_as_the_broker_has_it(desk: MemoryDesk, side: Side, quantity: int, own: int) -> None:
    desk.buy()
    elsewhere(desk, "4", side=side)

    row = reconcile(desk)

    assert (row.status, held(), position().outside, position().entry_price) == ("SAFE_MODE", own, quantity - own, 100)
    assert f"the broker holds {quantity} SPY, the journal 10" in row.warnings[0]
    assert reconcile(desk, run=101).status == "READY"
    assert len(alerts()) == 1


def test_what_is_bought_of_a_position_from_outside_cost_what_makes_the_average_of_the_broker(desk: MemoryDesk) -> None:
    elsewhere(desk, "10")
    reconcile(desk, run=99)
    desk.broker.quote("SPY", "130")
    elsewhere(desk, "5", name="again")

    reconcile(desk)

    assert (position().quantity, position().cost, position().entry_price) == (15, 1650, 110)


@pytest.mark.parametrize("question", ["account", "open_orders", "positions"])
def test_a_question_that_fails_is_no_empty_answer(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    desk.buy()
    elsewhere(desk, "5", side=Side.BUY)
    before = reconcile(desk)

    def fail() -> Any:
        raise BrokerUnreachable("it is away")

    monkeypatch.setattr(desk.broker, question, fail)
    result = service.reconcile_account(broker=desk.broker, run=run_of(101), at=desk.now)

    assert (result["status"], result["safe_mode"], result["positions_count"]) == ("FAILED", True, None)
    assert result["errors"] == [f"the broker does not tell its {question.replace('_', ' ')}: it is away"]
    assert result["external"] == before.external
    assert (held(), position().outside, Trade.objects.count()) == (10, 5, 0)


def test_a_list_of_positions_that_contradicts_the_equity_closes_nothing(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.buy("100")
    desk.wait(minutes=5)
    monkeypatch.setattr(desk.broker, "positions", list)

    row = reconcile(desk)

    assert (row.status, held(), Trade.objects.count()) == ("SAFE_MODE", 100, 0)
    assert "contradicts the equity" in row.warnings[0]


def test_a_symbol_with_an_open_order_is_left_for_the_next_time(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    elsewhere(desk, "5")
    desk.broker.fill(order.client_order_id, "4", "90")

    row = reconcile(desk)

    assert (row.status, held()) == ("READY", 4)
    assert row.notes == ["the broker holds 9 SPY, the journal 4; it may be moving, and is left"]
    assert row.external == []


def test_a_symbol_that_was_filled_this_very_minute_is_left(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.buy()
    monkeypatch.setattr(desk.broker, "positions", list)  # the list lags behind the orders
    desk.broker.said["equity"] = desk.broker.account().cash
    desk.wait(seconds=59)
    assert (reconcile(desk).status, held()) == ("READY", 10)

    desk.wait(seconds=2)

    assert (reconcile(desk, run=101).status, held()) == ("SAFE_MODE", 0)


def test_what_is_ordered_while_the_broker_is_asked_is_left(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = desk.broker.positions

    def positions() -> Any:
        found = ask()
        if not Order.objects.exists():
            order = desk.buy()
            # As booked by another process whose clock is behind.
            order.fills.update(at=desk.now - timedelta(minutes=10))
        return found

    monkeypatch.setattr(desk.broker, "positions", positions)
    row = reconcile(desk)

    assert (row.status, held()) == ("READY", 10)
    assert Trade.objects.count() == 0


def test_two_looks_that_differ_change_nothing(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere(desk, "5")
    ask, looks = desk.broker.positions, iter([[], None, None])
    desk.buy("1", symbol="SPY")
    desk.wait(minutes=5)

    monkeypatch.setattr(desk.broker, "positions", lambda: ask() if next(looks) is None else [])
    row = reconcile(desk)

    assert held() == 1
    assert "it may be moving" in row.notes[0]


def test_orders_of_which_nobody_knows_are_settled_first(desk: MemoryDesk) -> None:
    desk.broker.lose_answer()
    desk.buy()
    desk.wait(minutes=5)

    row = reconcile(desk)

    assert (row.status, held(), row.external) == ("READY", 10, [])


def test_an_order_that_stays_unknown_is_a_reason_for_safe_mode(desk: MemoryDesk) -> None:
    desk.broker.lose_request()
    desk.buy()
    desk.wait(minutes=5)

    row = reconcile(desk)

    assert row.status == "SAFE_MODE"
    assert "whether the broker has the order to buy 10 SPY is not known" in row.warnings[0]


def test_an_order_that_is_being_sent_is_no_reason(desk: MemoryDesk) -> None:
    desk.plan(desk.want())
    Order.objects.update(state=State.SENDING, sent_at=desk.now)
    desk.wait(seconds=30)

    assert reconcile(desk).status == "READY"


def test_open_orders_are_judged_by_age_number_and_owner(desk: MemoryDesk) -> None:
    ours = desk.buy(limit="90")
    desk.broker.quote("SPY", "100", "0")
    desk.wait(minutes=30)
    elsewhere(desk, "5")
    desk.wait(minutes=26)

    row = reconcile(desk)

    assert row.status == "SAFE_MODE"
    assert row.open_orders == 2
    assert row.warnings == [
        f"the order to buy 10 SPY has been open for 61 minutes: {ours.client_order_id}",
        "the open order to buy 5 SPY is not the desk's: hand",
        "SPY has 2 open orders",
    ]


def test_an_open_order_that_cannot_be_read_is_a_reason_for_safe_mode_and_no_missing_answer(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.broker, "open_orders", lambda: OpenOrders(unreadable={"904837e3": "it has several legs"}))

    row = reconcile(desk)

    assert (row.status, row.open_orders) == ("SAFE_MODE", 1)
    assert row.warnings == ["the open order 904837e3: it has several legs"]


def test_the_same_difference_is_alerted_once(desk: MemoryDesk) -> None:
    desk.broker.quote("SPY", "100", "0")
    elsewhere(desk, "5")

    for run in range(3):
        assert reconcile(desk, run=run).status == "SAFE_MODE"
        desk.wait(hours=24)

    assert sum("not the desk's" in one for one in alerts()) == 1
    assert sum("has been open" in one for one in alerts()) == 1


@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        ({"is_account_blocked": True}, "FAILED", "blocked the account"),
        ({"is_trading_blocked": True}, "EXIT_ONLY", "blocked trading"),
        ({"status": "ACCOUNT_CLOSED"}, "SAFE_MODE", "ACCOUNT_CLOSED"),
        ({"buying_power": Decimal(0)}, "SAFE_MODE", "no buying power"),
        ({"buying_power": Decimal("999.99")}, "SAFE_MODE", "less than 1 %"),
        ({"is_pattern_day_trader": True, "day_trades": 2}, "READY", "pattern day trader"),
    ],
)
def test_an_account_is_judged_by_what_it_may_do(
    desk: MemoryDesk, said: dict[str, Any], status: str, sentence: str
) -> None:
    desk.broker.said.update(said)

    row = reconcile(desk)

    assert row.status == status
    assert sentence in "".join([*row.errors, *row.warnings, *row.notes])


def test_positions_of_more_than_eight_percent_are_a_reason_for_safe_mode(desk: MemoryDesk) -> None:
    desk.buy("80")
    desk.wait(minutes=5)
    assert reconcile(desk).status == "READY"

    desk.broker.quote("SPY", "101")
    row = reconcile(desk, run=101)

    assert row.status == "SAFE_MODE"
    assert row.warnings == ["positions are 8.07% of equity, more than 8.00%"]


def test_a_trade_that_is_over_and_still_held_is_said_when_it_is_found(desk: MemoryDesk) -> None:
    desk.buy()
    desk.sell()
    elsewhere(desk, "5")

    row = reconcile(desk)

    assert row.status == "SAFE_MODE"
    assert "SPY is closed in the ledger and held at the broker" in row.warnings
    assert reconcile(desk, run=101).status == "READY"


def test_an_order_that_was_given_up_and_is_open_is_followed_again(desk: MemoryDesk) -> None:
    desk.broker.delay_request()
    order = desk.buy(limit="90")
    Order.objects.update(state=State.DROPPED)
    desk.broker.arrive()

    row = reconcile(desk)

    order.refresh_from_db()
    assert (row.status, order.state) == ("SAFE_MODE", State.WORKING)
    assert "given up" in row.warnings[0]


def test_an_order_that_cannot_be_followed_beside_a_newer_one_is_cancelled(desk: MemoryDesk) -> None:
    desk.broker.delay_request()
    order = desk.buy(limit="90")
    Order.objects.update(state=State.DROPPED)
    desk.send(desk.plan(desk.want(session_date=CLOSE.date() + timedelta(days=1)), limit="91", run=2))
    desk.broker.arrive()

    row = reconcile(desk)

    order.refresh_from_db()
    assert order.state == State.CANCELLED
    assert any("its cancellation was asked for" in one for one in row.warnings)


@pytest.mark.parametrize("state", [State.DROPPED, State.REJECTED])
def test_fills_of_an_order_that_was_given_up_are_found_and_booked(desk: MemoryDesk, state: State) -> None:
    desk.broker.delay_request()
    order = desk.buy()
    Order.objects.update(state=state)
    desk.wait(hours=30)
    desk.broker.arrive()
    desk.wait(minutes=5)

    row = reconcile(desk)

    order.refresh_from_db()
    assert (order.state, held(), position().source) == (State.FILLED, 10, "")
    assert (row.status, row.external) == ("READY", [])
    assert row.notes == ["fills of the order to buy 10 SPY were not booked, and are now"]


def test_fills_are_read_since_a_day_before_the_last_time_that_all_was_well(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def fills(since: Any) -> list[BrokerFill]:
        asked.append(since)
        return []

    monkeypatch.setattr(desk.broker, "fills", fills)
    first = desk.now
    reconcile(desk, run=1)
    desk.wait(hours=1)
    desk.broker.said["status"] = "ACCOUNT_CLOSED"
    reconcile(desk, run=2)
    desk.wait(hours=1)
    reconcile(desk, run=3)

    assert asked == [first - timedelta(days=7), first - timedelta(hours=24), first - timedelta(hours=24)]


def test_fills_that_an_order_does_not_know_of_are_told_once_and_the_cursor_moves_on(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = desk.buy(limit="100")
    more = BrokerFill("more", Order.objects.get().broker_order_id, "SPY", Side.BUY, Decimal(2), Decimal(100), desk.now)
    asked: list[Any] = []
    ask = desk.broker.fills

    def fills(since: Any) -> list[BrokerFill]:
        asked.append(since)
        return [one for one in [*ask(since), more] if one.at >= since]

    monkeypatch.setattr(desk.broker, "fills", fills)
    told = []
    for run in range(4):
        told.append(reconcile(desk, run=run))
        desk.wait(hours=24, seconds=1)

    assert [one.status for one in told] == ["SAFE_MODE", "READY", "READY", "READY"]
    sentence = f"of the order to {order} the broker's fills are 12, and the order says 10"
    assert (told[0].warnings, told[1].notes, told[2].notes) == ([sentence], [sentence], [])
    assert asked[3] > asked[2] > asked[1]


def test_a_fill_that_is_taken_back_costs_one_warning(desk: MemoryDesk) -> None:
    desk.buy()
    order = desk.sell(limit="200")
    desk.broker.fill(order.client_order_id, "5", "200")
    settle_orders(broker=desk.broker, at=desk.now)
    desk.broker.take_back(order.client_order_id, "2")
    desk.broker.end(order.client_order_id, Standing.CANCELLED)
    desk.wait(minutes=5)

    row = reconcile(desk)

    order.refresh_from_db()
    assert (order.state, row.status, held()) == (State.CANCELLED, "SAFE_MODE", 7)
    assert row.warnings == ["the broker holds 7 SPY, the journal 5, which counts now"]
    assert reconcile(desk, run=101).status == "READY"


def test_fills_that_cannot_be_read_are_a_reason_for_safe_mode(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fills(since: Any) -> list[BrokerFill]:
        raise BrokerUnreachable("it is away")

    monkeypatch.setattr(desk.broker, "fills", fills)

    assert reconcile(desk).warnings == ["the broker does not tell its fills: it is away"]


@pytest.mark.parametrize("step", ["looked", "converged"])
def test_a_run_that_dies_has_done_all_or_nothing(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    deaths = Deaths()
    monkeypatch.setattr(service, "reach", deaths.reach)
    elsewhere(desk, "5")
    deaths.arm(step)
    with pytest.raises(Died):
        reconcile(desk)
    assert (Position.objects.count(), Reconciliation.objects.count(), Event.objects.count()) == (0, 0, 0)

    assert reconcile(desk).external == ["SPY"]
    assert held() == 5


def test_nothing_is_ever_ordered(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[OrderRequest] = []
    submit: Callable[[OrderRequest], Any] = desk.broker.submit
    desk.buy()
    elsewhere(desk, "5", name="more")
    elsewhere(desk, "20", side=Side.SELL, name="all")
    monkeypatch.setattr(desk.broker, "submit", lambda request: sent.append(request) or submit(request))

    for run in range(3):
        reconcile(desk, run=run)

    assert sent == []
