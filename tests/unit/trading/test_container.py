"""The container: every strategy is asked, the best answers get the slots, and one that fails stops nobody."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.unit.trading.features_seen import BREAKOUT, OVERSOLD, PULLBACK, SQUEEZED, TODAY, position, scene, seen
from thor.errors import BadConfiguration
from thor.trading.features import Features
from thor.trading.strategies.base import Event, ExitRule, Limits, Position, Scene, Strategy
from thor.trading.strategies.container import SwingEquityStrategy
from thor.trading.strategies.event_driven import EventDriven
from thor.trading.strategies.mean_reversion import MeanReversion
from thor.trading.strategies.momentum_breakout import MomentumBreakout
from thor.trading.strategies.trend_pullback import TrendPullback
from thor.trading.strategies.volatility_squeeze import VolatilitySqueeze

IDS = ["trend_pullback_v1", "momentum_breakout_v1", "mean_reversion_v1", "volatility_squeeze_v1", "event_driven_v1"]


class Broken(MomentumBreakout):
    """Raises whatever it is asked."""

    metadata = replace(MomentumBreakout.metadata, strategy_id="broken_v1")

    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        raise ZeroDivisionError(symbol)

    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        raise ZeroDivisionError(position.symbol)


def chosen(scene: Scene, *strategies: Strategy, **limits: int) -> list[tuple[str, str, int]]:
    found = SwingEquityStrategy(strategies or None, **limits).entries(scene)
    return [(one.symbol, one.strategy_id, one.confidence) for one in found.intents]


def test_all_five_are_enabled_in_fixed_order():
    assert [one.metadata.strategy_id for one in SwingEquityStrategy().strategies] == IDS


def test_some_can_be_enabled_and_their_order_stays():
    container = SwingEquityStrategy.of(["event_driven_v1", "trend_pullback_v1"])

    assert [one.metadata.strategy_id for one in container.strategies] == ["trend_pullback_v1", "event_driven_v1"]


def test_an_unknown_strategy_is_refused_with_those_that_there_are():
    with pytest.raises(BadConfiguration, match="there is no strategy momentum; there are trend_pullback_v1, momentum"):
        SwingEquityStrategy.of(["momentum"])


def test_every_strategy_is_asked_and_signs_its_intents():
    known = {"A": seen(**PULLBACK), "B": seen(**BREAKOUT), "C": seen(**OVERSOLD), "D": seen(**SQUEEZED), "E": seen()}
    events = [Event("E", "earnings", date(2026, 9, 8), 0.05)]

    found = SwingEquityStrategy().entries(scene(known, events=events))

    assert [(one.symbol, one.strategy_id) for one in found.intents] == list(zip("ABCDE", IDS, strict=True))
    assert [one.metadata.strategy_id for one in found.intents] == IDS
    assert (found.passed_over, found.failures, found.degraded) == ((), (), {})


def test_of_two_strategies_that_want_a_symbol_the_surer_one_has_it():
    both = {"A": seen(**SQUEEZED | BREAKOUT | {"bb_upper": 99.0})}

    found = SwingEquityStrategy().entries(scene(both))

    assert [(one.strategy_id, one.confidence) for one in found.intents] == [("volatility_squeeze_v1", 5)]
    ((passed,),) = [found.passed_over]
    assert (passed.intent.strategy_id, passed.reason) == ("momentum_breakout_v1", "volatility_squeeze_v1 buys it")


def test_of_two_that_are_equally_sure_the_first_in_order_has_it():
    both = scene({"A": seen(**BREAKOUT | SQUEEZED | {"vol_ratio": 1.5, "high_52w_before": 99.0})})

    assert chosen(both) == [("A", "momentum_breakout_v1", 4)]
    assert chosen(both, VolatilitySqueeze(), MomentumBreakout()) == [("A", "volatility_squeeze_v1", 4)]


def test_the_surest_get_the_slots_that_are_left():
    known = {name: seen(**BREAKOUT) for name in "ABC"} | {"Z": seen(**BREAKOUT, high_52w_before=99.0)}
    held = {f"H{number}": "trend_pullback_v1" for number in range(8)}

    found = SwingEquityStrategy().entries(scene(known, held=held))

    assert [one.symbol for one in found.intents] == ["Z", "A"]
    assert [(one.intent.symbol, one.reason) for one in found.passed_over] == [
        ("B", "all 10 positions are taken"),
        ("C", "all 10 positions are taken"),
    ]


def test_ten_positions_leave_no_slot_whoever_holds_them():
    held = {f"H{number}": "" for number in range(10)}

    assert chosen(scene({"A": seen(**BREAKOUT)}, held=held)) == []


def test_a_strategy_has_no_more_positions_than_its_limit_and_the_others_go_on():
    known = {f"S{number}": seen(**SQUEEZED | {"bb_upper": 99.0}) for number in range(4)} | {"T": seen(**BREAKOUT)}
    held = {f"H{number}": "volatility_squeeze_v1" for number in range(6)}

    found = SwingEquityStrategy(max_positions=20).entries(scene(known, held=held))

    assert [one.symbol for one in found.intents] == ["S0", "S1", "T"]
    assert {one.reason for one in found.passed_over} == {"its strategy has all 8 of its positions"}


def test_a_symbol_goes_to_the_next_strategy_where_the_surest_is_full():
    class Full(VolatilitySqueeze):
        limits = Limits(least_confidence=3, max_positions=0, target=Decimal("0.15"))

    both = scene({"A": seen(**SQUEEZED | BREAKOUT | {"bb_upper": 99.0})})

    assert chosen(both, Full(), MomentumBreakout()) == [("A", "momentum_breakout_v1", 3)]


def test_a_strategy_that_raises_is_reported_and_the_others_are_heard():
    container = SwingEquityStrategy([TrendPullback(), Broken(), MeanReversion()])

    found = container.entries(scene({"A": seen(**PULLBACK), "B": seen(**OVERSOLD)}))

    assert [one.symbol for one in found.intents] == ["A", "B"]
    ((failure,),) = [found.failures]
    assert (failure.strategy_id, type(failure.error)) == ("broken_v1", ZeroDivisionError)
    assert failure.error.__traceback__ is not None


def test_a_strategy_that_cannot_judge_says_why():
    found = SwingEquityStrategy().entries(scene({}))

    assert found.degraded == {"event_driven_v1": "there is no source of events"}


def test_positions_are_judged_by_the_strategy_that_opened_them():
    """RSI 30 and bands of 5 %: gone for the breakout and for the squeeze, nothing to the three others."""
    positions = [position(strategy_id, symbol=f"{name}X") for strategy_id, name in zip(IDS, "EDCBA", strict=True)]
    known = {one.symbol: seen(rsi_14=30.0, bb_width=0.05) for one in positions}

    found = SwingEquityStrategy().exits(positions, known, TODAY)

    assert [(one.symbol, one.strategy_id) for one in found.decisions] == [
        ("DX", "momentum_breakout_v1"),
        ("BX", "volatility_squeeze_v1"),
    ]
    assert found.failures == ()


def test_decisions_come_by_strategy_and_then_by_symbol_however_positions_are_given():
    positions = [
        position("gone_v1", symbol="A"),
        position("event_driven_v1", symbol="B"),
        position("trend_pullback_v1", symbol="D"),
        position("trend_pullback_v1", symbol="C"),
    ]
    known = {one.symbol: seen(close=150.0) for one in positions}

    found = [SwingEquityStrategy().exits(some, known, TODAY) for some in (positions, positions[::-1])]

    assert [one.symbol for one in found[0].decisions] == ["C", "D", "B", "A"]
    assert found[0] == found[1]


def test_positions_of_nobody_have_the_common_exits():
    known = {"IBM": seen(close=110.0, rsi_14=1.0)}

    (found,) = SwingEquityStrategy().exits([position("")], known, TODAY).decisions

    assert (found.rule, found.strategy_id) == (ExitRule.TARGET, "")


def test_a_strategy_that_raises_keeps_neither_the_common_exits_nor_the_others_away():
    positions = [
        position("broken_v1", symbol="A"),
        position("broken_v1", symbol="B", entry_date=date(2026, 8, 1)),
        position("event_driven_v1", symbol="C"),
    ]
    known = {"A": seen(), "B": seen(), "C": seen(close=108.0)}

    found = SwingEquityStrategy([Broken(), EventDriven()]).exits(positions, known, TODAY)

    assert [(one.symbol, one.rule) for one in found.decisions] == [("B", ExitRule.MAX_HOLD), ("C", ExitRule.TARGET)]
    assert [(one.strategy_id, one.symbol) for one in found.failures] == [("broken_v1", "A")]
