"""Compute technical indicators of daily bars (pure NumPy).

Shapes: every array is float64 of shape (..., bars), oldest bar first; leading axes (symbols) are independent of each
other, and results have the shape of what they were computed from.

Units: prices are in the currency of the bars and adjusted for splits, volumes in shares. Ratios are fractions (0.03 is
three percent); RSI, DX and ADX run from 0 to 100.

NaN: a row is NaN until its window is full, of a smoothed series until it has seen as many values as its period. Values
in front of the first known one are waited for. A NaN in the midst makes every window that holds it NaN, and of a
smoothed series everything after it: a gap is to be mended by whoever reads the bars, not bridged here.

`docs/indicators.md` lays each definition beside that of TA-Lib, and says where and why they differ.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Smooth a series with a period: `ema` or `wilder`.
Smoothing = Callable[[Floats, int], Floats]

#: The period of the average true range, of RSI and ADX, in bars.
PERIOD: Final = 14


class Macd(NamedTuple):
    """The difference of a fast and a slow average, its own average, and how far the one is above the other."""

    line: Floats
    signal: Floats
    histogram: Floats


class Bands(NamedTuple):
    """Bollinger's bands in prices; `width` is the distance of the outer two as a fraction of the middle one."""

    upper: Floats
    middle: Floats
    lower: Floats
    width: Floats


def sma(values: Floats, period: int) -> Floats:
    """Return the plain mean of the last `period` values."""
    return _rolled(values, period, lambda windows: windows.mean(axis=-1))


def ema(values: Floats, span: int) -> Floats:
    """Return the exponential mean: each value moves it by 2 / (span + 1) of the distance.

    It begins with the first value itself, so that a mean of fewer bars is the same sum with fewer terms.
    """
    return _smoothed(values, lambda count: np.where(count == 1, 1.0, 2.0 / (span + 1)), span)


def wilder(values: Floats, period: int) -> Floats:
    """Return Wilder's smoothed mean: each value moves it by 1 / period of the distance.

    It begins with the plain mean of the first `period` values. Source: J. Welles Wilder, New Concepts in Technical
    Trading Systems, 1978.
    """
    return _smoothed(values, lambda count: 1.0 / np.minimum(count, period), period)


def slope(values: Floats, period: int) -> Floats:
    """Return the slope of the least-squares line through the last `period` values, in units of a value per bar."""
    steps = np.arange(period) - (period - 1) / 2
    return _rolled(values, period, lambda windows: windows @ (steps / (steps @ steps)))


def rolling_high(values: Floats, period: int) -> Floats:
    """Return the highest of the last `period` values."""
    return _rolled(values, period, lambda windows: windows.max(axis=-1))


def rolling_low(values: Floats, period: int) -> Floats:
    """Return the lowest of the last `period` values."""
    return _rolled(values, period, lambda windows: windows.min(axis=-1))


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return how far each bar went, the gap to the close before it included; of the first bar high less low."""
    before = _before(close)
    return np.fmax(high - low, np.fmax(np.abs(high - before), np.abs(low - before)))


def atr(high: Floats, low: Floats, close: Floats, period: int = PERIOD, smoothing: Smoothing = ema) -> Floats:
    """Return the average true range in prices: the exponential mean of the true range, not Wilder's own average."""
    return smoothing(true_range(high, low, close), period)


def rsi(close: Floats, period: int = PERIOD, smoothing: Smoothing = ema) -> Floats:
    """Return the relative strength index: average gain in percent of average gain and loss together.

    Averages are exponential; with `smoothing=wilder` it is Wilder's own. Prices that stood still all along are at 50.
    """
    change = close - _before(close)
    gain, loss = smoothing(np.maximum(change, 0.0), period), smoothing(np.maximum(-change, 0.0), period)
    return _percent(gain, gain + loss, where_still=50.0)


def macd(close: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return the fast exponential mean less the slow one, the exponential mean of that, and the difference."""
    line = ema(close, fast) - ema(close, slow)
    average = ema(line, signal)
    return Macd(line, average, line - average)


def bollinger(close: Floats, period: int = 20, deviations: float = 2.0) -> Bands:
    """Return the plain mean with so many standard deviations above and below it.

    The deviation is that of the window itself (divided by `period`, not by one less), as Bollinger has it.
    """
    middle = sma(close, period)
    reach = deviations * _rolled(close, period, lambda windows: windows.std(axis=-1))
    return Bands(middle + reach, middle, middle - reach, 2 * reach / middle)


def adx(high: Floats, low: Floats, close: Floats, period: int = PERIOD) -> Floats:
    """Return Wilder's average directional index: how strong a trend is, whichever way; 0 where nothing moved.

    The first bar has no move and no true range; the index is known from bar 2 * `period` on. Source: Wilder, 1978.
    """
    up, down = high - _before(high), _before(low) - low
    spread = wilder(np.where(np.isnan(up), np.nan, true_range(high, low, close)), period)
    rise, fall = _moves(up, down), _moves(down, up)
    plus = _percent(wilder(rise, period), spread, where_still=0.0)
    minus = _percent(wilder(fall, period), spread, where_still=0.0)
    return wilder(_percent(np.abs(plus - minus), plus + minus, where_still=0.0), period)


def obv(close: Floats, volume: Floats) -> Floats:
    """Return the on-balance volume: volumes of bars that closed higher, less those that closed lower, summed up.

    It is 0 at the first bar: only its changes mean anything. Source: Granville, 1963.
    """
    direction = np.sign(close - _before(close))
    direction[..., :1] = 0.0
    return np.cumsum(direction * volume, axis=-1)


def volume_ratio(volume: Floats, period: int = 20) -> Floats:
    """Return each volume as a multiple of the mean of the last `period`, its own included; NaN where none traded."""
    mean = sma(volume, period)
    return np.divide(volume, mean, out=np.full_like(mean, np.nan), where=mean > 0)


def pullback_depth(high: Floats, close: Floats, period: int = 20) -> Floats:
    """Return how far the close is below the highest high of the last `period` bars, as a fraction of that high."""
    top = rolling_high(high, period)
    return (top - close) / top


def _before(values: Floats) -> Floats:
    """Return the value of the bar before each, NaN for the first."""
    found = np.full_like(values, np.nan)
    found[..., 1:] = values[..., :-1]
    return found


def _moves(one: Floats, other: Floats) -> Floats:
    """Return the moves in one direction: those that are positive and greater than the move in the other."""
    return np.where(np.isnan(one), np.nan, np.where((one > other) & (one > 0), one, 0.0))


def _percent(part: Floats, whole: Floats, where_still: float) -> Floats:
    found = np.where(np.isnan(whole), np.nan, where_still)
    return np.divide(100.0 * part, whole, out=found, where=whole > 0)


def _rolled(values: Floats, period: int, of: Callable[[Floats], Floats]) -> Floats:
    """Return what `of` makes of every window (..., windows, period), NaN in front of the first full one."""
    found = np.full_like(values, np.nan)
    if values.shape[-1] >= period:
        found[..., period - 1 :] = of(sliding_window_view(values, period, axis=-1))
    return found


def _smoothed(values: Floats, rate: Callable[[NDArray[np.int64]], Floats], least: int) -> Floats:
    """Return the level that each value moves towards itself by the rate of its number (the first known one is 1).

    The recursion goes bar by bar for all symbols at once: closed forms divide by powers that vanish in long series.
    """
    counts = np.cumsum(~np.isnan(values), axis=-1)
    known = counts > 0
    rates = np.where(known, rate(np.maximum(counts, 1)), 0.0)
    found = np.empty_like(values)
    by_bar = zip(np.moveaxis(np.where(known, values, 0.0), -1, 0), np.moveaxis(rates, -1, 0), strict=True)
    level = np.zeros(values.shape[:-1])
    for bar, (value, share) in enumerate(by_bar):
        level = level + share * (value - level)
        found[..., bar] = level
    return np.where(counts < least, np.nan, found)
