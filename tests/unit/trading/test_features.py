"""Features of daily bars: one row without gaps, or a sentence; the score; the dates that exits ask for."""

import subprocess
import sys
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trading.features_seen import seen
from tests.unit.trading.recorded_bars import SYMBOLS, recorded_bars
from thor.trading import indicators
from thor.trading.features import DailyBars, Features, TooFewBars, UnusableBars, features_of, score, within_confidence

DAY = date(2025, 1, 1)


def bars_of(close: Any, volume: Any = 1000.0, spread: float = 0.5) -> DailyBars:
    close = np.asarray(close, float)
    dates = [DAY + timedelta(days=day) for day in range(len(close))]
    return DailyBars(dates, close + spread, close - spread, close, np.broadcast_to(volume, close.shape).astype(float))


def walk(count: int) -> DailyBars:
    chance = np.random.default_rng(3)
    return bars_of(100 + np.cumsum(chance.normal(0, 0.5, count)), chance.uniform(1e5, 1e6, count))


def changed(bars: DailyBars, column: str, bar: int, value: float) -> DailyBars:
    values = getattr(bars, column).copy()
    values[bar] = value
    return replace(bars, **{column: values})


def test_features_are_those_of_the_last_bar():
    bars = walk(252)

    found = features_of(bars)

    assert found.session_date == bars.dates[-1]
    assert found.close == bars.close[-1]
    assert found.sma_20 == pytest.approx(bars.close[-20:].mean())
    assert found.sma_200 == pytest.approx(bars.close[-200:].mean())
    assert found.dist_20sma == pytest.approx(found.close / found.sma_20 - 1)
    assert found.dist_200sma == pytest.approx(found.close / found.sma_200 - 1)
    assert found.sma20_slope == indicators.slope(indicators.sma(bars.close, 20), 5)[-1]
    assert found.atr == indicators.ema(indicators.true_range(bars.high, bars.low, bars.close), 14)[-1]
    assert found.atr_pct == found.atr / found.close
    assert found.atr_pct_mean_50 == (indicators.atr(bars.high, bars.low, bars.close) / bars.close)[-50:].mean()
    assert found.vol_ratio == pytest.approx(bars.volume[-1] / bars.volume[-20:].mean())
    assert found.pullback_depth == pytest.approx(1 - found.close / bars.high[-20:].max())
    assert found.macd == pytest.approx(found.ema_12 - found.ema_26)
    assert found.macd_hist == pytest.approx(found.macd - found.macd_signal)
    assert found.bb_width == pytest.approx((found.bb_upper - found.bb_lower) / found.bb_middle)
    assert found.bb_middle == found.sma_20
    assert (found.rsi_14, found.adx_14) == (
        indicators.rsi(bars.close)[-1],
        indicators.adx(bars.high, bars.low, bars.close)[-1],
    )
    assert found.obv == indicators.obv(bars.close, bars.volume)[-1]


def test_a_breakout_is_measured_on_the_high_before_its_own_bar():
    bars = changed(bars_of(np.full(252, 100.0)), "high", -1, 110.0)

    found = features_of(bars)

    assert (found.high_52w, found.high_52w_before) == (110.0, 100.5)


def test_the_high_of_52_weeks_forgets_the_253rd_bar():
    bars = changed(changed(bars_of(np.full(254, 100.0)), "high", 1, 150.0), "high", 0, 160.0)

    found = features_of(bars)

    assert (found.high_52w, found.high_52w_before) == (100.5, 150.0)


def test_210_bars_are_enough_and_209_are_not():
    bars = walk(210)

    assert np.isfinite(list(features_of(bars).figures().values())).all()
    with pytest.raises(TooFewBars, match="209 daily bars are too few; features need 210"):
        features_of(walk(209))


@pytest.mark.parametrize("column", ["high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("bar", [0, 100, -1])
def test_a_bar_that_cannot_be_is_refused_with_its_day(column: str, value: float, bar: int):
    bars = walk(210)

    with pytest.raises(UnusableBars, match=f"the daily bar of {bars.dates[bar]} has no value, or one"):
        features_of(changed(bars, column, bar, value))


@pytest.mark.parametrize(("column", "value"), [("high", 50.0), ("low", 150.0)])
def test_a_close_beyond_the_high_or_the_low_is_refused(column: str, value: float):
    with pytest.raises(UnusableBars, match="or one that no bar can have"):
        features_of(changed(bars_of(np.full(210, 100.0)), column, 5, value))


def test_a_symbol_that_does_not_trade_has_no_features():
    with pytest.raises(UnusableBars, match="give no vol_ratio"):
        features_of(bars_of(np.full(210, 100.0), volume=0.0))


def test_bars_of_unequal_columns_or_in_another_order_are_refused():
    bars = walk(210)

    with pytest.raises(UnusableBars, match="differ in length"):
        features_of(replace(bars, volume=bars.volume[1:]))
    with pytest.raises(UnusableBars, match="do not ascend"):
        features_of(replace(bars, dates=[*bars.dates[:-1], bars.dates[-2]]))


def test_a_price_that_never_moves_has_features_without_a_trend():
    found = features_of(bars_of(np.full(252, 100.0), spread=0.0))

    assert (found.rsi_14, found.adx_14, found.atr, found.bb_width, found.obv) == (50, 0, 0, 0, 0)


def test_the_last_sessions_above_the_averages_are_named():
    """Two hundred bars at 100, one at 110, then nine at 90: above both averages at 110 for the last time."""
    bars = bars_of([*[100.0] * 200, 110.0, *[90.0] * 9])

    found = features_of(bars)

    assert found.above_sma_20_on == found.above_sma_200_on == bars.dates[200]
    assert found.close < found.sma_20 < found.sma_200


def test_a_close_on_its_average_counts_as_above():
    bars = bars_of(np.full(210, 100.0))

    assert features_of(bars).above_sma_200_on == bars.dates[-1]


def test_a_price_that_only_falls_was_never_above_its_averages():
    found = features_of(bars_of(300 - np.arange(210.0)))

    assert (found.above_sma_20_on, found.above_sma_200_on) == (None, None)


def test_figures_are_the_numbers_alone():
    figures = features_of(walk(210)).figures()

    dates = {"session_date", "above_sma_20_on", "above_sma_200_on"}
    assert set(figures) == {field.name for field in fields(Features)} - dates
    assert all(type(value) is float for value in figures.values())


UPTREND = {"close": 100.1, "sma20_slope": 0.01, "pullback_depth": 0.0499, "vol_ratio": 1.21, "atr_pct": 0.0299}
EDGES = {"close": 100.0, "sma20_slope": 0.0, "pullback_depth": 0.05, "vol_ratio": 1.2, "atr_pct": 0.03}


def test_the_score_counts_five_signs():
    assert score(seen(**UPTREND)) == 5


@pytest.mark.parametrize("sign", UPTREND)
def test_each_sign_of_the_score_counts_only_beyond_its_edge(sign: str):
    assert score(seen(**UPTREND | {sign: EDGES[sign]})) == 4


@pytest.mark.parametrize("sign", UPTREND)
def test_one_sign_alone_scores_as_little_as_none(sign: str):
    assert score(seen(**EDGES | {sign: UPTREND[sign]})) == score(seen(**EDGES)) == 1


@given(st.integers(-10, 20))
def test_confidence_stays_within_one_and_five(count: int):
    assert within_confidence(count) == sorted((1, count, 5))[1]


@pytest.mark.recordings
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_features_of_a_year_are_those_of_all_history(recordings: Path, symbol: str):
    """What a shorter history costs, as docs/indicators.md says; on-balance volume begins anew and is left out."""
    whole = recorded_bars(recordings, symbol)
    year = DailyBars(whole.dates[-252:], *(column[-252:] for column in whole[1:]))

    some, every = features_of(year), features_of(DailyBars(*whole))

    other = {"obv": 0.0}
    assert some.figures() | other == pytest.approx(every.figures() | other, rel=5e-6)
    assert (some.above_sma_20_on, some.above_sma_200_on) == (every.above_sma_20_on, every.above_sma_200_on)


def test_carrying_features_about_loads_no_numpy():
    code = "import sys, thor.trading.strategies.container; sys.exit('numpy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3])

    assert done.returncode == 0
