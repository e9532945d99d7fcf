"""When a position ends: twenty days, the target, SMA 200, its strategy's own reason; never on the day of entry."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trading.features_seen import TODAY, position, seen
from tests.unit.trading.test_features import bars_of
from thor.trading.features import Features, features_of
from thor.trading.strategies.base import ExitRule, Strategy, Urgency
from thor.trading.strategies.common_exits import decide_exit
from thor.trading.strategies.container import STRATEGIES
from thor.trading.strategies.event_driven import EventDriven
from thor.trading.strategies.mean_reversion import MeanReversion
from thor.trading.strategies.momentum_breakout import MomentumBreakout
from thor.trading.strategies.trend_pullback import TrendPullback
from thor.trading.strategies.volatility_squeeze import VolatilitySqueeze

BOUGHT = date(2026, 9, 2)


def rule(strategy: Strategy | None, known: Features | None, **changed: Any) -> ExitRule | None:
    found = decide_exit(position(**changed), known, TODAY, strategy)
    return found.rule if found else None


@pytest.mark.parametrize(("days", "expected"), [(19, None), (20, ExitRule.MAX_HOLD), (60, ExitRule.MAX_HOLD)])
def test_a_position_is_held_for_twenty_calendar_days(days: int, expected: ExitRule | None):
    assert rule(TrendPullback(), seen(), entry_date=TODAY - timedelta(days=days)) == expected


def test_its_age_ends_a_position_of_which_nothing_else_is_known():
    assert rule(MeanReversion(), None, entry_date=TODAY - timedelta(days=20)) == ExitRule.MAX_HOLD
    assert rule(MeanReversion(), None, entry_date=TODAY - timedelta(days=19)) is None


@pytest.mark.parametrize(
    ("strategy", "short_of", "enough"),
    [
        (TrendPullback(), 109.99, 110.0),
        (MomentumBreakout(), 109.99, 110.0),
        (MeanReversion(), 106.99, 107.0),
        (VolatilitySqueeze(), 114.99, 115.0),
        (EventDriven(), 107.99, 108.0),
        (None, 109.99, 110.0),
    ],
)
def test_a_position_is_sold_at_the_target_of_its_strategy(strategy: Strategy | None, short_of: float, enough: float):
    assert rule(strategy, seen(close=short_of)) is None
    assert rule(strategy, seen(close=enough)) == ExitRule.TARGET


@given(st.integers(1, 1_000_000), st.sampled_from([build() for build in STRATEGIES]))
def test_the_target_is_met_exactly_whatever_the_price(cents: int, strategy: Strategy):
    """Of floats, 11.11 / 10.10 - 1 is less than 0.10."""
    entry = Decimal(cents) / 100
    exact = seen(close=float(entry * (1 + strategy.limits.target)))

    assert rule(strategy, exact, entry_price=entry) == ExitRule.TARGET


@pytest.mark.parametrize("strategy", [*(build() for build in STRATEGIES), None])
def test_a_close_below_sma_200_ends_a_position_that_was_above_it(strategy: Strategy | None):
    assert rule(strategy, seen(close=99.9, above_sma_200_on=BOUGHT)) == ExitRule.BELOW_SMA_200
    assert rule(strategy, seen(close=100.0, above_sma_200_on=TODAY)) is None


BEFORE = [None, BOUGHT - timedelta(days=1)]


@pytest.mark.parametrize("last_above", BEFORE)
def test_what_was_bought_below_sma_200_is_not_sold_for_being_there(last_above: date | None):
    assert rule(TrendPullback(), seen(close=99.0, above_sma_200_on=last_above), entry_price=Decimal("99.99")) is None


@pytest.mark.parametrize("last_above", BEFORE)
def test_what_was_bought_above_sma_200_and_never_closed_there_is_sold(last_above: date | None):
    """Entries are bought minutes before a close, which may already be below."""
    lost = seen(close=99.0, above_sma_200_on=last_above)

    assert rule(TrendPullback(), lost, entry_price=Decimal("100.00")) == ExitRule.BELOW_SMA_200
    assert rule(None, lost, entry_price=Decimal("101.00")) is None  # what it once cost somebody else says nothing


def test_the_rules_are_asked_in_order():
    all_at_once = seen(close=111.0, sma_200=112.0, above_sma_200_on=BOUGHT, rsi_14=30.0)
    without_target = seen(close=109.0, sma_200=112.0, above_sma_200_on=BOUGHT, rsi_14=30.0)

    assert rule(MomentumBreakout(), all_at_once, entry_date=date(2026, 8, 20)) == ExitRule.MAX_HOLD
    assert rule(MomentumBreakout(), all_at_once) == ExitRule.TARGET
    assert rule(MomentumBreakout(), without_target) == ExitRule.BELOW_SMA_200
    assert rule(MomentumBreakout(), seen(rsi_14=30.0)) == ExitRule.STRATEGY


@pytest.mark.parametrize("strategy", [*(build() for build in STRATEGIES), None])
@pytest.mark.parametrize("close", [50.0, 200.0])
def test_nothing_is_sold_on_the_day_of_entry(strategy: Strategy | None, close: float):
    everything = seen(close=close, sma_20=150, sma_200=120, above_sma_20_on=TODAY, above_sma_200_on=TODAY, rsi_14=1.0)

    assert rule(strategy, everything, entry_date=TODAY) is None


def test_a_decision_says_what_where_and_when():
    found = decide_exit(position("momentum_breakout_v1"), seen(close=112.5), TODAY, MomentumBreakout())

    assert found is not None
    assert (found.symbol, found.strategy_id, found.confidence) == ("IBM", "momentum_breakout_v1", 4)
    assert (found.session_date, found.entry_date, found.holding_days) == (TODAY, BOUGHT, 7)
    assert found.reason == "gained 12.50%, its target is 10%"


def test_age_is_urgent_for_the_next_open_and_everything_else_goes_by_the_end_of_the_day():
    aged = decide_exit(position(entry_date=date(2026, 8, 20)), seen(), TODAY, None)
    gained = decide_exit(position(), seen(close=110.0), TODAY, None)

    assert aged is not None
    assert gained is not None
    assert (aged.urgency, aged.reason, gained.urgency) == (Urgency.NEXT_OPEN, "held for 20 days", Urgency.EOD)


def reverting(*closes: float, entry_bar: int = 0) -> list[ExitRule | None]:
    """Return what mean reversion decides after each close behind a long rise to 100, bought at the close of a bar."""
    rise = [100.0 - day * 0.05 for day in range(240, 0, -1)]
    bars = [bars_of([*rise, *closes[: count + 1]]) for count in range(len(closes))]
    bought = bars[-1].dates[len(rise) + entry_bar]
    held = position(entry_date=bought, entry_price=Decimal(str(closes[entry_bar])))
    decided = (decide_exit(held, features_of(one), one.dates[-1], MeanReversion()) for one in bars)
    return [one.rule if one else None for one in decided]


def test_mean_reversion_is_not_sold_before_the_mean_was_reached():
    """It buys below SMA 20, so that a close below it says nothing on that day, or on the next ones."""
    assert reverting(97.0, 96.9, 96.8, 97.1, 97.0) == [None] * 5


def test_mean_reversion_is_sold_once_the_mean_was_reached_and_lost_again():
    assert reverting(97.0, 98.0, 100.5, 100.6, 98.5) == [None, None, None, None, ExitRule.STRATEGY]


def test_the_mean_of_before_the_entry_does_not_count():
    assert reverting(100.5, 97.0, 96.9, entry_bar=1)[1:] == [None, None]
