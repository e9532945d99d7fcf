"""The comparisons of reconciliation: what is found, and what it lets the desk do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from thor.trading.brokers.port import Account, BrokerFill, BrokerOrder, BrokerPosition, Kind, OpenOrders, Side, Standing
from thor.trading.models import Order, State
from thor.trading.reconciling.account import heat_of, judge_account
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.holdings import compare_positions, is_contradicted
from thor.trading.reconciling.ledger import judge_ledger
from thor.trading.reconciling.missed import quantities
from thor.trading.reconciling.orders import judge_open_orders, judge_unreadable, judge_unsettled
from thor.trading.reconciling.snapshot import Snapshot
from thor.trading.reconciling.verdict import judge

AT = datetime(2026, 3, 3, 16, tzinfo=UTC)
HUNDRED = Decimal(100)
ACCOUNT = Account(
    status="ACTIVE", currency="USD", equity=Decimal(10_000), last_equity=Decimal(10_000), cash=Decimal(9_000),
    buying_power=Decimal(9_000), multiplier=Decimal(1), is_trading_blocked=False, is_account_blocked=False,
    is_pattern_day_trader=False, day_trades=0,
)  # fmt: skip
TOLD = BrokerOrder(
    id="1", client_order_id="a", symbol="SPY", side=Side.BUY, kind=Kind.MARKET, quantity=Decimal(10), limit_price=None,
    standing=Standing.WORKING, status="new", filled_quantity=Decimal(0), filled_average_price=None, submitted_at=AT,
    updated_at=AT,
)  # fmt: skip
OURS = Order(client_order_id="a", symbol="SPY", side="buy", quantity=Decimal(10), state="working")


def held(quantity: str, symbol: str = "SPY", price: Decimal | None = HUNDRED) -> BrokerPosition:
    return BrokerPosition(symbol, Decimal(quantity), HUNDRED, price)


def codes(found: Any) -> list[str]:
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("at_broker", "in_journal", "kind"),
    [
        ("5", None, "external"),
        (None, "5", "vanished"),
        ("5", "4", ""),
        ("4", "5", ""),
        ("-5", None, "short"),
        ("-5", "5", "short vanished"),
    ],
)
def test_positions_differ_in_quantity(at_broker: str | None, in_journal: str | None, kind: str) -> None:
    told = {"SPY": held(at_broker)} if at_broker else {}
    known = {"SPY": Decimal(in_journal)} if in_journal else {}

    (found,) = compare_positions(told, known)

    words = {"short": found.is_short, "external": found.is_external, "vanished": found.is_vanished}
    assert {word for word, counts in words.items() if counts} == set(kind.split())


@pytest.mark.parametrize("dust", ["0", "0.0000001", "0.0000009"])
def test_what_the_journal_has_no_places_for_is_no_difference(dust: str) -> None:
    assert compare_positions({"SPY": held(f"{Decimal(5) + Decimal(dust)}")}, {"SPY": Decimal(5)}) == []


def test_positions_that_agree_are_not_told() -> None:
    assert compare_positions({"SPY": held("5")}, {"SPY": Decimal("5.000000")}) == []


@pytest.mark.parametrize(("positions", "contradicts"), [({"SPY": held("10")}, False), ({}, True)])
def test_a_list_that_lacks_what_the_equity_counts_is_contradicted(positions: Any, contradicts: bool) -> None:
    assert is_contradicted(Snapshot(ACCOUNT, OpenOrders(), positions)) is contradicts


def test_a_position_without_a_price_is_worth_what_was_paid() -> None:
    assert Snapshot(ACCOUNT, OpenOrders(), {"SPY": held("3", price=None)}).value == 300


@pytest.mark.parametrize(
    ("changes", "value", "expected"),
    [
        ({}, "800", []),
        ({}, "800.01", ["heat"]),
        ({"is_trading_blocked": True}, "0", ["trading_blocked"]),
        ({"is_account_blocked": True}, "0", ["account_blocked"]),
        ({"status": "ONBOARDING"}, "0", ["account_status"]),
        ({"status": "ACCOUNT_UPDATED"}, "0", []),
        ({"buying_power": Decimal("-0.01")}, "0", ["no_buying_power"]),
        ({"buying_power": Decimal(0)}, "0", ["no_buying_power"]),
        ({"buying_power": Decimal("99.99")}, "0", ["low_buying_power"]),
        ({"buying_power": Decimal(100)}, "0", []),
        ({"is_pattern_day_trader": True}, "0", ["pattern_day_trader"]),
        ({"day_trades": None}, "0", ["day_trades_untold"]),
        ({"equity": Decimal(0)}, "0", ["no_equity"]),
    ],
)
def test_an_account_is_judged(changes: dict[str, Any], value: str, expected: list[str]) -> None:
    account = replace(ACCOUNT, **changes)

    assert codes(judge_account(account, value=Decimal(value), most_heat=Decimal("0.08"))) == expected


def test_heat_is_a_part_of_equity_and_unknown_without_any() -> None:
    assert heat_of(ACCOUNT, Decimal(800)) == 0.08
    assert heat_of(replace(ACCOUNT, equity=Decimal(0)), Decimal(800)) is None


@pytest.mark.parametrize(
    ("changes", "minutes", "is_ours", "expected"),
    [
        ({}, 60, True, []),
        ({}, 60.1, True, ["order_stale"]),
        ({}, 0, False, ["order_not_ours"]),
        ({"side": Side.SELL}, 0, True, ["order_differs"]),
        ({"quantity": Decimal(11)}, 0, True, ["order_differs"]),
        ({"symbol": "QQQ"}, 0, True, ["order_differs"]),
    ],
)
def test_an_open_order_is_judged(changes: dict[str, Any], minutes: float, is_ours: bool, expected: list[str]) -> None:
    told = replace(TOLD, **changes)

    found = judge_open_orders([told], {"a": OURS} if is_ours else {}, at=AT + timedelta(minutes=minutes))

    assert codes(found) == expected


def test_two_open_orders_of_a_symbol_are_told_once() -> None:
    orders = [
        TOLD,
        replace(TOLD, client_order_id="b", side=Side.SELL),
        replace(TOLD, symbol="QQQ", client_order_id="c"),
    ]
    ours = {one.client_order_id: Order(symbol=one.symbol, side=one.side, quantity=10) for one in orders}

    (found,) = judge_open_orders(orders, ours, at=AT)

    assert (found.code, found.symbol) == ("duplicate_orders", "SPY")


def test_an_open_order_that_cannot_be_read_is_told_by_its_id() -> None:
    (found,) = judge_unreadable({"904837e3": "it has several legs"})

    assert (found.level, found.about) == (Level.WARNING, "904837e3")
    assert found.text == "the open order 904837e3: it has several legs"


@pytest.mark.parametrize(
    ("state", "seconds", "is_told"),
    [
        (State.SENDING, 119, False),
        (State.SENDING, 120, True),
        (State.UNKNOWN, 0, True),
        (State.ABSENT, 0, True),
        (State.WORKING, 999, False),
        (State.PLANNED, 999, False),
    ],
)
def test_an_order_of_which_nobody_knows_is_told(state: State, seconds: int, is_told: bool) -> None:
    order = Order(client_order_id="a", symbol="SPY", side="buy", quantity=Decimal(1), state=state.value, sent_at=AT)

    assert bool(list(judge_unsettled([order], at=AT + timedelta(seconds=seconds)))) is is_told


def test_a_trade_that_is_over_is_told_where_its_symbol_is_found_at_the_broker() -> None:
    found = compare_positions({"SPY": held("5"), "QQQ": held("5", "QQQ"), "IWM": held("5", "IWM")}, {"IWM": HUNDRED})

    assert [one.symbol for one in judge_ledger(found, {"SPY", "IWM"})] == ["SPY"]


def test_fills_are_added_up_by_order_and_each_counts_once() -> None:
    fill = BrokerFill("f1", "1", "SPY", Side.BUY, Decimal(3), HUNDRED, AT)

    assert quantities([fill, fill, replace(fill, id="f2"), replace(fill, id="f3", order_id="2")]) == {"1": 6, "2": 3}


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ([], "READY"),
        ([Level.NOTE, Level.EXTERNAL], "READY"),
        ([Level.EXTERNAL, Level.WARNING], "SAFE_MODE"),
        ([Level.BLOCKED, Level.WARNING], "EXIT_ONLY"),
        ([Level.WARNING, Level.ERROR, Level.BLOCKED], "FAILED"),
    ],
)
def test_the_worst_finding_decides(levels: list[Level], status: str) -> None:
    assert judge([Finding(level, "code", "text") for level in levels]) == status
