"""What a net change signals: every equality, every instrument's thresholds, and the composite."""

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.marketdata import signals
from thor.marketdata.catalogue import in_the_box
from thor.marketdata.models import Signal
from thor.marketdata.signals import Reading, composite, of_weight_sum

D = Decimal


class Future(NamedTuple):
    """Thresholds and weight of a future, as they are meant to be; of its installation other tests make sure."""

    symbol: str
    strong: str
    plain: str
    weight: str
    inverted: bool = False


FUTURES = (
    Future("YM", "60", "10", "60"),
    Future("ES", "6", "1", "6"),
    Future("NQ", "15", "2.5", "15"),
    Future("RTY", "15", "2.5", "15"),
    Future("CL", "0.3", "0.05", "0.3"),
    Future("SI", "0.06", "0.01", "0.06"),
    Future("HG", "0.012", "0.002", "0.012"),
    Future("GC", "3", "0.5", "3", inverted=True),
    Future("VX", "0.05", "0.03", "0.1", inverted=True),
    Future("DX", "30", "5", "30", inverted=True),
    Future("ZB", "30", "5", "30", inverted=True),
)
FUTURE = {future.symbol: future for future in FUTURES}
changes = st.decimals(-1000, 1000, places=4)
thresholds = st.tuples(st.decimals(0, 100, places=3), st.decimals(0, 100, places=3)).map(sorted)


def reading(future: Future, change: str | Decimal | None) -> Reading:
    return signals.read(
        None if change is None else D(change),
        threshold=D(future.plain),
        strong_threshold=D(future.strong),
        contract_weight=D(future.weight),
        inverted=future.inverted,
    )


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        ("60.01", Signal.STRONG_BUY),
        ("60", Signal.BUY),
        ("10.01", Signal.BUY),
        ("10", Signal.HOLD),
        ("0", Signal.HOLD),
        ("-10", Signal.HOLD),
        ("-10.01", Signal.SELL),
        ("-59.99", Signal.SELL),
        ("-60", Signal.STRONG_SELL),
        ("-61", Signal.STRONG_SELL),
    ],
)
def test_the_dow_is_classified_with_its_equalities(change: str, signal: Signal) -> None:
    assert reading(FUTURE["YM"], change).signal is signal


@pytest.mark.parametrize("future", FUTURES, ids=lambda future: future.symbol)
def test_each_future_goes_by_its_own_thresholds(future: Future) -> None:
    strong, plain, step = D(future.strong), D(future.plain), D("0.0001")
    ladder = [strong + step, strong, plain + step, plain, -plain, -plain - step, -strong + step, -strong]

    found = [reading(future, change) for change in ladder]

    names = ["STRONG_BUY", "BUY", "BUY", "HOLD", "HOLD", "SELL", "SELL", "STRONG_SELL"]
    assert [row.signal for row in found] == names
    assert [row.stat for row in found] == [strong, plain, plain, 0, 0, -plain, -plain, -strong]
    weights = [2, 1, 1, 0, 0, -1, -1, -2]
    assert [row.weight for row in found] == ([-weight for weight in weights] if future.inverted else weights)


def test_safe_havens_are_the_four_that_are_inverted() -> None:
    assert {row["symbol"] for row in in_the_box() if row.get("inverted")} == {"VX", "DX", "GC", "ZB"}
    assert reading(FUTURE["GC"], "3.1").weight == -2
    assert reading(FUTURE["VX"], "-1").weight == 2


def test_the_stat_of_a_signal_is_its_threshold() -> None:
    assert reading(FUTURE["YM"], "11") == Reading(Signal.BUY, D(10), 1, D(60))
    assert reading(FUTURE["YM"], "-11") == Reading(Signal.SELL, D(-10), -1, D(60))
    assert reading(FUTURE["ES"], "3.5").signal is Signal.BUY


def test_without_a_change_or_a_threshold_there_is_no_signal() -> None:
    nothing = Reading(None, None, 0, D(1))

    assert signals.read(None, threshold=D(1), strong_threshold=D(6)) == nothing
    assert signals.read(D(3), threshold=None, strong_threshold=D(6)) == nothing
    assert signals.read(D(3), threshold=D(1), strong_threshold=None) == nothing


def test_six_buys_three_holds_and_two_sells_are_a_buy() -> None:
    rows = (
        [Reading(Signal.BUY, D(1), 1)] * 6 + [Reading(Signal.HOLD, D(0), 0)] * 3 + [Reading(Signal.SELL, D(-1), -1)] * 2
    )

    found = composite(rows)

    assert (found.weight_sum, found.signal, found.count) == (4, Signal.BUY, 11)
    assert found.weighted_sum == D("4.00")
    assert found.weighted_average == D("0.364")


@pytest.mark.parametrize(
    ("weight_sum", "signal"),
    [
        (22, Signal.STRONG_BUY),
        (10, Signal.STRONG_BUY),
        (9, Signal.BUY),
        (4, Signal.BUY),
        (3, Signal.HOLD),
        (0, Signal.HOLD),
        (-3, Signal.HOLD),
        (-4, Signal.SELL),
        (-9, Signal.SELL),
        (-10, Signal.STRONG_SELL),
        (-22, Signal.STRONG_SELL),
    ],
)
def test_the_composite_is_classified_by_the_sum_of_weights(weight_sum: int, signal: Signal) -> None:
    assert of_weight_sum(weight_sum) is signal


def test_all_eleven_rising_strongly_are_seven_up_and_four_down() -> None:
    found = composite(reading(future, D(future.strong) + 1) for future in FUTURES)

    assert (found.weight_sum, found.signal, found.count) == (7 * 2 - 4 * 2, Signal.BUY, 11)
    # 60·60 + 6·6 + 2·15·15 + 0.3·0.3 + 0.06·0.06 + 0.012·0.012 + 3·3 + 0.05·0.1 + 2·30·30, over the sum of the weights
    assert found.weighted_sum == D("5895.10")
    assert found.weighted_average == D("36.966")


def test_what_says_nothing_is_counted_but_not_averaged() -> None:
    found = composite([reading(FUTURE["YM"], "11"), reading(FUTURE["ES"], None)])

    assert (found.count, found.weighted_sum, found.weighted_average) == (2, D("600.00"), D("10.000"))
    assert composite([reading(FUTURE["ES"], None)]).signal is None
    assert composite([]) == signals.Composite(None, D("0.00"), None, 0, 0)


def test_weights_that_are_zero_have_no_average() -> None:
    assert composite([Reading(Signal.BUY, D(1), 1, D(0))]).weighted_average is None


@given(changes, changes, thresholds)
def test_a_greater_change_never_signals_less(one: Decimal, other: Decimal, pair: list[Decimal]) -> None:
    low, high = sorted((one, other))
    plain, strong = pair

    weights = [signals.read(change, threshold=plain, strong_threshold=strong).weight for change in (low, high)]

    assert weights[0] <= weights[1]


@given(st.lists(st.tuples(changes, thresholds, st.decimals(0, 60, places=1), st.booleans()), max_size=11))
def test_the_composite_is_bounded_and_does_not_depend_on_the_order(rows: list) -> None:
    readings = [
        signals.read(change, threshold=pair[0], strong_threshold=pair[1], contract_weight=weight, inverted=inverted)
        for change, pair, weight, inverted in rows
    ]

    found = composite(readings)

    assert found == composite(reversed(readings))
    assert abs(found.weight_sum) <= 2 * len(rows) == 2 * found.count
    largest = max((abs(row.stat) for row in readings if row.stat is not None), default=D(0))
    assert found.weighted_average is None or abs(found.weighted_average) <= largest + D("0.001")
