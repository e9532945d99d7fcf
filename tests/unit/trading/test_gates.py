"""Which wishes to buy pass, and which gate refuses the others."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from thor.trading.gates import Approved, Decision, Gate, Held, Refused, Situation, Wish, judge_purchase
from thor.trading.settings import Limits

D = Decimal
AT = datetime(2026, 3, 10, 19, 40, tzinfo=UTC)
DAY = timedelta(days=1)
WISH = Wish("AAPL", confidence=4, price=D(50), average_daily_volume=D(1_000_000), risk_score=None)
SITUATION = Situation(
    at=AT, equity=D(100_000), last_equity=D(100_000), cash=D(100_000), buying_power=D(200_000)
)  # fmt: skip
HELD = Held(value=D(1_000), risk_amount=D(500), average_price=D(49), entries=1, last_bought_at=AT - DAY)
#: Everything that a gate could object to, each beyond its limit.
BROKEN = replace(
    SITUATION, not_ready_because="SAFE_MODE", protected_because="drift", pending=frozenset({"AAPL"}),
    consecutive_losses=3, equity=D(98_000), entries_today=4, held={"AAPL": replace(HELD, is_external=True)},
    cash=D(0),
)  # fmt: skip


def limits(**changes: Any) -> Limits:
    """Return the limits of the box, but for what changes."""
    return replace(Limits(), **changes)


def judged(wish: Wish = WISH, now: Situation = SITUATION, **changes: Any) -> Gate | None:
    """Return the gate that refused; nothing where the wish passed."""
    found = judge_purchase(wish, now, limits(**changes))
    return found.gate if isinstance(found, Refused) else None


def approved(wish: Wish = WISH, now: Situation = SITUATION, **changes: Any) -> Approved:
    found = judge_purchase(wish, now, limits(**changes))
    assert isinstance(found, Approved), found
    return found


def holding(**changes: Any) -> Situation:
    return replace(SITUATION, held={"AAPL": replace(HELD, **changes)})


SURE = replace(WISH, confidence=5)


def test_a_wish_that_passes_every_gate_is_bought_by_the_brokers_equity() -> None:
    found = approved()

    assert (found.decision, found.quantity, found.risk_amount) == (Decision.ENTER_NEW, 20, 1_000)
    assert found.figures == {
        "equity": "100000", "price": "50", "confidence": 4, "multiplier": "1", "quantity": "20",
        "risk_amount": "1000", "heat": 0.01,
    }  # fmt: skip


def test_the_gates_are_asked_in_their_order() -> None:
    wish = replace(WISH, price=D(0), risk_score=0.6, is_feed_silent=True, average_daily_volume=None)
    steps: list[tuple[Gate, dict[str, Any], dict[str, Any]]] = [
        (Gate.SAFE_MODE, {"not_ready_because": ""}, {}),
        (Gate.FEED_SILENT, {}, {"is_feed_silent": False}),
        (Gate.EXTERNAL_POSITION, {"held": {}}, {}),
        (Gate.PROTECTION, {"protected_because": ""}, {}),
        (Gate.PENDING, {"pending": frozenset()}, {}),
        (Gate.RISK_SCORE, {}, {"risk_score": 0.5}),
        (Gate.CONSECUTIVE_LOSSES, {"consecutive_losses": 2}, {}),
        (Gate.DAILY_LOSS, {"last_equity": D(98_000)}, {}),
        (Gate.TRADES_TODAY, {"entries_today": 3}, {}),
        (Gate.PRICE, {}, {"price": D(50), "confidence": 9}),
        (Gate.SIZE, {"exposure": D(100_000)}, {"confidence": 4}),
    ]
    now = BROKEN

    asked = []
    for _, repair, mend in steps:
        asked.append(judged(wish, now))
        now, wish = replace(now, **repair), replace(wish, **mend)

    assert asked == [gate for gate, _, _ in steps]
    assert judged(wish, now, max_risk_per_symbol=D("0.001")) is Gate.SYMBOL_RISK
    assert judged(wish, now) is Gate.HEAT
    now = replace(now, exposure=D(0))
    assert judged(wish, now) is Gate.VOLUME
    assert judged(replace(wish, average_daily_volume=D(1_000_000)), now) is Gate.BUYING_POWER


@pytest.mark.parametrize(
    ("value", "confidence", "gate"),
    [
        ("4999.99", 5, None),
        ("5000", 5, Gate.ALLOCATION),
        ("5000.01", 5, Gate.ALLOCATION),
        ("4999.99", 4, Gate.ADD_ON_CONFIDENCE),
        ("5000", 4, Gate.ALLOCATION),
    ],
)
def test_a_position_is_added_to_below_its_allocation_and_at_the_highest_confidence(
    value: str, confidence: int, gate: Gate | None
) -> None:
    assert judged(replace(WISH, confidence=confidence), holding(value=D(value))) is gate


def test_an_external_position_is_never_added_to() -> None:
    assert judged(SURE, holding(is_external=True)) is Gate.EXTERNAL_POSITION


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"entries": 3}, None),
        ({"entries": 4}, Gate.MAX_ENTRIES),
        ({"last_bought_at": AT - DAY}, None),
        ({"last_bought_at": AT - DAY + timedelta(microseconds=1)}, Gate.COOLDOWN),
        ({"average_price": D("49.9999")}, None),
        ({"average_price": D(50)}, Gate.PRICE_NOT_HIGHER),
        ({"value": None}, Gate.INSUFFICIENT_STATE),
        ({"last_bought_at": None}, Gate.INSUFFICIENT_STATE),
        ({"average_price": None}, Gate.INSUFFICIENT_STATE),
    ],
)
def test_scaling_in_has_limits(changes: dict[str, Any], gate: Gate | None) -> None:
    assert judged(SURE, holding(**changes)) is gate


@pytest.mark.parametrize(
    ("minutes", "sessions", "gate"),
    [
        (1440, 1, None),
        (1440, 0, Gate.COOLDOWN),
        (2880, 1, Gate.COOLDOWN),
        (2880, 2, None),
        (1500, 2, Gate.COOLDOWN),
    ],
)
def test_whole_days_are_over_by_the_dates_of_sessions(minutes: int, sessions: int, gate: Gate | None) -> None:
    """A fill is seconds later than its decision, and the last half day hours earlier than the session before."""
    today = date(2026, 11, 27)
    held = {"last_bought_at": AT - timedelta(hours=21), "last_bought_on": today - timedelta(days=sessions)}
    now = replace(holding(**held), session_date=today)

    assert judged(SURE, now, min_time_between_entries_minutes=minutes) is gate


def test_an_add_on_is_told_from_a_new_entry_and_can_be_switched_off() -> None:
    assert approved(SURE, holding()).decision is Decision.SCALE_IN
    assert judged(SURE, holding(), add_on_buy_enabled=False) is Gate.ADD_ON_DISABLED


@pytest.mark.parametrize(
    ("score", "gate"), [(None, None), (0.5, None), (0.5000001, Gate.RISK_SCORE), (float("nan"), Gate.RISK_SCORE)]
)
def test_a_risk_over_one_half_is_not_bought(score: float | None, gate: Gate | None) -> None:
    assert judged(replace(WISH, risk_score=score)) is gate


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"consecutive_losses": 2}, None),
        ({"consecutive_losses": 3}, Gate.CONSECUTIVE_LOSSES),
        ({"equity": D("98000.01")}, None),
        ({"equity": D(98_000)}, Gate.DAILY_LOSS),
        ({"last_equity": D(0)}, Gate.DAILY_LOSS),
        ({"entries_today": 3}, None),
        ({"entries_today": 4}, Gate.TRADES_TODAY),
    ],
)
def test_losses_and_the_count_of_trades_end_entries(change: dict[str, Any], gate: Gate | None) -> None:
    assert judged(now=replace(SITUATION, **change)) is gate


def test_limits_that_cannot_be_read_let_nothing_pass_and_say_so() -> None:
    unread = limits(max_trades_per_day=0, unread="the settings cannot be read (OperationalError)")

    found = judge_purchase(WISH, SITUATION, unread)

    assert isinstance(found, Refused)
    assert (found.gate, found.reason) == (Gate.TRADES_TODAY, "the settings cannot be read (OperationalError)")


@pytest.mark.parametrize(
    ("price", "gate"),
    [("0", Gate.PRICE), ("-1", Gate.PRICE), ("0.01", None), ("100000", None), ("100000.01", Gate.PRICE)],
)
def test_a_price_lies_between_nothing_and_the_equity(price: str, gate: Gate | None) -> None:
    assert judged(replace(WISH, price=D(price), average_daily_volume=D(10**9))) is gate


def test_a_size_of_nothing_is_refused() -> None:
    poor = replace(SITUATION, equity=D("0.0001"), last_equity=D("0.0001"))

    assert judged(replace(WISH, price=D("0.0001")), poor) is None
    assert judged(replace(WISH, price=D("0.0001"), confidence=0), poor) is Gate.SIZE
    assert judged(replace(WISH, price=D("0.0001")), poor, risk_per_trade=D("0.0000001")) is Gate.SIZE


@pytest.mark.parametrize(("at_risk", "gate"), [("750", None), ("750.0001", Gate.SYMBOL_RISK)])
def test_a_symbol_may_lose_two_per_cent_of_equity_by_plan(at_risk: str, gate: Gate | None) -> None:
    assert judged(SURE, holding(risk_amount=D(at_risk))) is gate


@pytest.mark.parametrize(("exposure", "gate"), [("7000", None), ("7000.01", Gate.HEAT)])
def test_everything_held_and_ordered_is_at_most_eight_per_cent_of_equity(exposure: str, gate: Gate | None) -> None:
    assert judged(now=replace(SITUATION, exposure=D(exposure))) is gate


@pytest.mark.parametrize(
    ("volume", "gate"), [(D(400), None), (D("399.99"), Gate.VOLUME), (None, Gate.VOLUME)]
)  # 5 % of 400 are the 20 that are bought
def test_a_purchase_is_at_most_five_per_cent_of_a_days_volume(volume: Decimal | None, gate: Gate | None) -> None:
    assert judged(replace(WISH, average_daily_volume=volume)) is gate


@pytest.mark.parametrize(
    ("cash", "power", "cash_only", "gate"),
    [
        ("1000", "2000", True, None),
        ("999.99", "2000", True, Gate.BUYING_POWER),
        ("2000", "999.99", True, Gate.BUYING_POWER),
        ("0", "1000", False, None),
        ("0", "999.99", False, Gate.BUYING_POWER),
    ],
)
def test_what_is_bought_has_to_be_paid(cash: str, power: str, cash_only: bool, gate: Gate | None) -> None:
    now = replace(SITUATION, cash=D(cash), buying_power=D(power))

    assert judged(now=now, cash_only_trading=cash_only) is gate


def test_the_model_makes_an_entry_smaller_where_it_may() -> None:
    wish = replace(WISH, risk_score=0.25)

    assert approved(wish).quantity == 15
    assert approved(wish, enable_ml_sizing=False).quantity == 20


def test_a_purchase_on_its_way_counts_for_the_next_wish() -> None:
    now = replace(SITUATION, exposure=D(6_500), entries_today=2)

    after = now.with_purchase(WISH, approved(now=now))

    assert judged(WISH, after) is Gate.PENDING
    assert judged(replace(WISH, symbol="MSFT"), after) is Gate.HEAT
    assert (after.cash, after.buying_power, after.entries_today) == (99_000, 199_000, 3)


@pytest.mark.parametrize(
    ("wish", "now", "sentence"),
    [
        (SURE, holding(value=D(6_000)), "AAPL is worth 6000.00, which is not below its allocation of 5000.00"),
        (WISH, replace(SITUATION, equity=D(97_500)), "equity is -2.50% since the last close; entries end at -2.00%"),
        (WISH, replace(SITUATION, exposure=D(7_500)), "positions would be 8.50% of equity, over 8.00%"),
        (WISH, replace(SITUATION, cash=D(10)), "it costs 1000.00, and there is cash of 10.00"),
        (replace(WISH, risk_score=0.75), SITUATION, "the model gives AAPL a risk of 0.7500, over 0.5"),
    ],
)
def test_a_refusal_says_what_was_compared(wish: Wish, now: Situation, sentence: str) -> None:
    found = judge_purchase(wish, now, limits())

    assert isinstance(found, Refused)
    assert found.reason == sentence
    assert found.figures


def test_a_wish_passed_over_is_told_from_one_that_must_not_be() -> None:
    skipped = judge_purchase(WISH, holding(), limits())
    blocked = judge_purchase(WISH, replace(SITUATION, not_ready_because="SAFE_MODE"), limits())

    assert (skipped.decision, blocked.decision) == (Decision.SKIP, Decision.BLOCK)
