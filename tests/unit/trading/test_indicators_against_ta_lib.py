"""Indicators are those of TA-Lib on ten years of daily bars; where they are not meant to be, why and how far."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from tests.unit.trading.recorded_bars import SYMBOLS, Recorded, recorded_bars
from thor.trading import indicators

pytestmark = pytest.mark.recordings

#: Smoothed series that begin otherwise have forgotten it by then: (1 - 1/14) ** 600 is 5e-20.
FORGOTTEN = 600

Floats = NDArray[np.float64]


@cache
def _read(recordings: Path, symbol: str) -> Recorded:
    return recorded_bars(recordings, symbol)


@pytest.fixture(params=SYMBOLS)
def bars(request: pytest.FixtureRequest, recordings: Path) -> Recorded:
    return _read(recordings, request.param)


def same(ours: Floats, theirs: Floats, since: int = 0) -> None:
    """Check that two series are known at the same bars, and equal there to 1e-9."""
    assert len(ours) == len(theirs) > since
    assert (~np.isnan(theirs[since:])).any()
    np.testing.assert_allclose(ours[since:], theirs[since:], rtol=1e-9, atol=1e-9, equal_nan=True)


def test_ten_years_are_read_and_no_split_is_left_in_them(bars: Recorded):
    steps = bars.close[1:] / bars.close[:-1]

    assert len(bars.dates) == 2516
    # The worst day is that of March 2020, not a seventh on 2014-06-09 or a quarter on 2020-08-31.
    assert 0.85 < steps.min() < steps.max() < 1.15


@pytest.mark.parametrize("period", [20, 50, 200])
def test_the_plain_mean(bars: Recorded, period: int):
    same(indicators.sma(bars.close, period), talib.SMA(bars.close, period))


def test_the_slope(bars: Recorded):
    same(indicators.slope(bars.close, 5), talib.LINEARREG_SLOPE(bars.close, 5))


def test_the_rolling_high_and_low(bars: Recorded):
    same(indicators.rolling_high(bars.high, 252), talib.MAX(bars.high, 252))
    same(indicators.rolling_low(bars.low, 20), talib.MIN(bars.low, 20))


def test_the_volume_ratio(bars: Recorded):
    same(indicators.volume_ratio(bars.volume), bars.volume / talib.SMA(bars.volume, 20))


def test_the_pullback(bars: Recorded):
    top = talib.MAX(bars.high, 20)

    same(indicators.pullback_depth(bars.high, bars.close), (top - bars.close) / top)


def test_bollinger_bands_and_their_width(bars: Recorded):
    upper, middle, lower = talib.BBANDS(bars.close, 20, 2, 2)

    bands = indicators.bollinger(bars.close)

    same(bands.upper, upper)
    same(bands.middle, middle)
    same(bands.lower, lower)
    same(bands.width, (upper - lower) / middle)


def test_the_true_range_which_ta_lib_does_not_know_of_the_first_bar(bars: Recorded):
    ours, theirs = indicators.true_range(bars.high, bars.low, bars.close), talib.TRANGE(bars.high, bars.low, bars.close)

    assert np.isnan(theirs[0])
    assert ours[0] == bars.high[0] - bars.low[0]
    same(ours[1:], theirs[1:])


@pytest.mark.parametrize("span", [12, 14, 26])
def test_the_exponential_mean_once_its_beginning_is_forgotten(bars: Recorded, span: int):
    same(indicators.ema(bars.close, span), talib.EMA(bars.close, span), since=FORGOTTEN)


def test_the_exponential_mean_differs_in_its_beginning_alone(bars: Recorded):
    """TA-Lib begins with the plain mean of the first values: given that as the first value, ours is the same."""
    begun = bars.close[25:].copy()
    begun[0] = bars.close[:26].mean()

    ours = indicators.ema(begun, 26)

    same(ours[25:], talib.EMA(bars.close, 26)[50:])
    assert abs(indicators.ema(bars.close, 26)[25] - talib.EMA(bars.close, 26)[25]) > 0.01


def test_macd_once_its_beginnings_are_forgotten(bars: Recorded):
    """TA-Lib begins both means with plain ones at the bar at which the slow one is known, and so the signal."""
    theirs = talib.MACD(bars.close, 12, 26, 9)

    ours = indicators.macd(bars.close)

    for one, other in zip(ours, theirs, strict=True):
        same(one, other, since=FORGOTTEN)
    assert [int(np.isnan(one).sum()) for one in ours] == [25, 33, 33]


def test_wilders_mean_of_the_true_range_is_their_average_true_range(bars: Recorded):
    true_range = indicators.true_range(bars.high, bars.low, bars.close)
    true_range[0] = np.nan

    same(indicators.wilder(true_range, 14), talib.ATR(bars.high, bars.low, bars.close, 14))


def test_our_average_true_range_is_exponential_and_so_another_figure(bars: Recorded):
    """It is TA-Lib's EMA of TA-Lib's true range; Wilder's forgets half as fast, and never comes together with it."""
    ours = indicators.atr(bars.high, bars.low, bars.close)
    true_range = talib.TRANGE(bars.high, bars.low, bars.close)
    wilders = talib.ATR(bars.high, bars.low, bars.close, 14)

    same(ours[1:], talib.EMA(true_range[1:], 14), since=FORGOTTEN)
    apart = np.abs(ours / wilders - 1)[FORGOTTEN:]
    assert apart.max() > 0.2
    assert apart.mean() < 0.1


def test_rsi_of_wilders_means_is_theirs(bars: Recorded):
    same(indicators.rsi(bars.close, smoothing=indicators.wilder), talib.RSI(bars.close, 14))


def test_our_rsi_is_exponential_and_so_another_figure(bars: Recorded):
    """It is 100 * G / (G + L) of TA-Lib's EMAs of gains and losses; Wilder's is slower, and nearer to 50."""
    change = np.diff(bars.close)
    gain, loss = talib.EMA(np.maximum(change, 0), 14), talib.EMA(np.maximum(-change, 0), 14)

    ours = indicators.rsi(bars.close)

    same(ours[1:], 100 * gain / (gain + loss), since=FORGOTTEN)
    wilders = talib.RSI(bars.close, 14)[FORGOTTEN:]
    assert 10 < np.abs(ours[FORGOTTEN:] - wilders).max() < 30
    assert np.std(ours[FORGOTTEN:]) > np.std(wilders)


def test_adx_once_its_beginning_is_forgotten(bars: Recorded):
    """TA-Lib's first sums hold 13 moves, ours 14 as Wilder has it; both are known from the same bar on."""
    ours, theirs = indicators.adx(bars.high, bars.low, bars.close), talib.ADX(bars.high, bars.low, bars.close, 14)

    same(ours, theirs, since=FORGOTTEN)
    assert int(np.isnan(ours).sum()) == int(np.isnan(theirs).sum()) == 27
    assert 0 < np.nanmax(np.abs(ours - theirs)) < 2


def test_on_balance_volume_but_for_the_first_volume(bars: Recorded):
    """TA-Lib counts the first volume as bought, ours begins with nothing."""
    same(indicators.obv(bars.close, bars.volume), talib.OBV(bars.close, bars.volume) - bars.volume[0])
