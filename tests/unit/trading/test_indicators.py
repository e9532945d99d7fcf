"""Indicators by hand: known values, what is not known yet, gaps, and many symbols at once."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from thor.trading import indicators

Floats = NDArray[np.float64]
nan = np.nan

#: Each indicator of high, low, close and volume, with the bars until it is known.
EVERY: dict[str, tuple[Callable[[Floats, Floats, Floats, Floats], Floats], int]] = {
    "sma": (lambda h, low, c, v: indicators.sma(c, 20), 19),
    "ema": (lambda h, low, c, v: indicators.ema(c, 12), 11),
    "wilder": (lambda h, low, c, v: indicators.wilder(c, 14), 13),
    "slope": (lambda h, low, c, v: indicators.slope(c, 5), 4),
    "rolling_high": (lambda h, low, c, v: indicators.rolling_high(h, 20), 19),
    "rolling_low": (lambda h, low, c, v: indicators.rolling_low(low, 20), 19),
    "true_range": (lambda h, low, c, v: indicators.true_range(h, low, c), 0),
    "atr": (lambda h, low, c, v: indicators.atr(h, low, c), 13),
    "rsi": (lambda h, low, c, v: indicators.rsi(c), 14),
    "macd": (lambda h, low, c, v: indicators.macd(c).histogram, 33),
    "bollinger": (lambda h, low, c, v: indicators.bollinger(c).width, 19),
    "adx": (lambda h, low, c, v: indicators.adx(h, low, c), 27),
    "obv": (lambda h, low, c, v: indicators.obv(c, v), 0),
    "volume_ratio": (lambda h, low, c, v: indicators.volume_ratio(v), 19),
    "pullback_depth": (lambda h, low, c, v: indicators.pullback_depth(h, c), 19),
}
everyone = pytest.mark.parametrize("name", EVERY)


def walk(*shape: int, seed: int = 7) -> tuple[Floats, Floats, Floats, Floats]:
    """Return high, low, close and volume of a random walk."""
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.02, shape), axis=-1))
    up, down = chance.uniform(0, 0.02, (2, *shape))
    return close * (1 + up), close * (1 - down), close, chance.uniform(1e5, 1e6, shape)


@everyone
def test_it_is_unknown_until_its_window_is_full_and_known_from_then_on(name: str):
    compute, unknown = EVERY[name]

    found = compute(*walk(80))

    np.testing.assert_array_equal(np.isnan(found), np.arange(80) < unknown)


@everyone
def test_it_is_unknown_in_a_history_that_is_too_short(name: str):
    compute, unknown = EVERY[name]

    found = compute(*walk(unknown))

    assert found.shape == (unknown,)
    assert np.isnan(found).all()


@everyone
def test_many_symbols_at_once_are_each_as_if_alone(name: str):
    compute, _ = EVERY[name]
    columns = walk(2, 3, 60)

    together = compute(*columns)

    for row in np.ndindex(2, 3):
        np.testing.assert_allclose(together[row], compute(*(column[row] for column in columns)), rtol=1e-12)


@everyone
def test_no_bar_knows_of_later_ones(name: str):
    compute, _ = EVERY[name]
    columns = walk(90)

    before = compute(*(column[:60] for column in columns))

    np.testing.assert_allclose(compute(*columns)[:60], before, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [indicators.ema, indicators.wilder])
def test_a_smoothed_series_waits_for_its_first_value_and_does_not_bridge_a_gap(smoothing: indicators.Smoothing):
    late, gap = smoothing(np.array([nan, nan, 1, 2, 3, 4.0]), 2), smoothing(np.array([1, 2, nan, 4, 5, 6.0]), 2)

    np.testing.assert_array_equal(late[2:], smoothing(np.array([1, 2, 3, 4.0]), 2))
    np.testing.assert_array_equal(np.isnan(late), [True] * 3 + [False] * 3)
    np.testing.assert_array_equal(np.isnan(gap), [True, False, True, True, True, True])


def test_a_window_that_holds_a_gap_is_unknown_and_the_one_after_it_is_not():
    found = indicators.sma(np.array([1, nan, 3, 5, 7.0]), 2)

    np.testing.assert_array_equal(found, [nan, nan, nan, 4, 6])


def test_the_exponential_mean_moves_by_two_in_span_plus_one():
    found = indicators.ema(np.array([10, 13, 16.0]), 2)

    np.testing.assert_allclose(found, [nan, 12, 16 - 4 / 3])


def test_the_mean_of_wilder_begins_with_a_plain_one_and_moves_by_one_in_period():
    found = indicators.wilder(np.array([2, 4, 6, 12.0]), 3)

    np.testing.assert_allclose(found, [nan, nan, 4, 4 + 8 / 3])


def test_the_average_true_range_is_the_exponential_mean_of_fourteen():
    high, low, close, _ = walk(40)

    found = indicators.atr(high, low, close)

    np.testing.assert_array_equal(found, indicators.ema(indicators.true_range(high, low, close), 14))


def test_the_true_range_counts_the_gap_to_the_close_before():
    high, low, close = np.array([11, 15, 8.0]), np.array([9, 14, 7.0]), np.array([10, 14.5, 7.5])

    np.testing.assert_array_equal(indicators.true_range(high, low, close), [2, 5, 7.5])


def test_the_slope_of_a_straight_line_is_its_step():
    found = indicators.slope(100 - 0.25 * np.arange(8), 5)

    np.testing.assert_allclose(found, [nan] * 4 + [-0.25] * 4)


@pytest.mark.parametrize(("step", "expected"), [(1.0, 100), (-1.0, 0), (0.0, 50)])
def test_rsi_of_prices_that_go_one_way_or_stand_still(step: float, expected: float):
    assert indicators.rsi(100 + step * np.arange(30))[-1] == expected


def test_the_deviation_of_the_bands_is_that_of_the_window_itself():
    close = np.array([9, 11] * 10, float)

    bands = indicators.bollinger(close)

    assert [column[-1] for column in bands] == pytest.approx([12, 10, 8, 0.4])


def test_the_histogram_is_the_line_less_its_signal():
    line, signal, histogram = indicators.macd(walk(60)[2])

    np.testing.assert_array_equal(histogram, line - signal)
    np.testing.assert_array_equal(signal, indicators.ema(line, 9))


def test_a_market_that_only_rises_has_the_strongest_trend_and_one_that_stands_still_none():
    rising = 100 + np.arange(40.0)

    assert indicators.adx(rising + 1, rising, rising)[-1] == pytest.approx(100)
    assert indicators.adx(*[np.full(40, 100.0)] * 3)[-1] == 0


def test_the_greater_of_two_moves_counts_alone():
    """Bars that reach further up than down by turns: the moves down are smaller every time, and never count."""
    high, low = 100 + np.arange(40.0) * 2, 90 - np.arange(40.0)

    assert indicators.adx(high, low, (high + low) / 2)[-1] == pytest.approx(100)


def test_on_balance_volume_adds_rises_and_takes_off_falls():
    found = indicators.obv(np.array([10, 11, 11, 10.5, 12]), np.array([5, 7, 9, 2, 1.0]))

    np.testing.assert_array_equal(found, [0, 7, 7, 5, 6])


def test_the_volume_ratio_counts_its_own_bar_in_and_is_unknown_where_nothing_traded():
    traded = np.array([100.0] * 19 + [300.0])

    assert indicators.volume_ratio(traded)[-1] == pytest.approx(300 / 110)
    assert np.isnan(indicators.volume_ratio(np.zeros(20))[-1])


def test_the_pullback_is_a_fraction_of_the_highest_high_of_twenty_bars():
    high = np.array([200.0] + [100.0] * 19 + [90.0])

    found = indicators.pullback_depth(high, high - 10)

    assert found[-2:] == pytest.approx([0.55, 0.2])


PRICES = arrays.arrays(np.float64, st.integers(40, 80), elements=st.floats(0.01, 10_000))


@settings(deadline=None)
@given(PRICES, st.integers(2, 30))
def test_means_lie_between_the_lowest_and_the_highest_and_indexes_between_0_and_100(close: Floats, period: int):
    slack = 1e-9 * close.max()
    for mean in (indicators.sma, indicators.ema, indicators.wilder):
        known = mean(close, period)[period - 1 :]
        assert ((known >= close.min() - slack) & (known <= close.max() + slack)).all()
    for index in (indicators.rsi(close)[14:], indicators.adx(close * 1.01, close * 0.99, close)[27:]):
        assert ((index >= -1e-9) & (index <= 100 + 1e-9)).all()
