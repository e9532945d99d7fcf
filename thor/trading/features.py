"""Name what strategies, risk and learning know of a symbol, and compute it from its daily bars (pure).

One vocabulary: the names of `Features` are used by entries, exits, the journal and the data set of learning alike.
Prices are in the currency of the bars, everything ending in `_pct`, `_ratio`, `_depth` or `_width`, and the distances,
are fractions or multiples (0.03 is three percent), RSI and ADX run from 0 to 100.

NumPy is imported where something is computed: who only carries features about does not load it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from thor.errors import ThorError

if TYPE_CHECKING:
    from thor.trading.indicators import Floats

#: Bars without which nothing is said of a symbol, and the sessions of 52 weeks: ask for so many.
LEAST_BARS: Final = 210
YEAR_BARS: Final = 252

LOWEST_CONFIDENCE: Final = 1
HIGHEST_CONFIDENCE: Final = 5


class TooFewBars(ThorError):
    """The symbol has too short a history for its features."""


class UnusableBars(ThorError):
    """The symbol's daily bars have gaps, or values that no bar can have."""


@dataclass(frozen=True, slots=True)
class DailyBars:
    """One symbol's daily bars, oldest first, as arrays of shape (bars,), in the shares of the last bar."""

    dates: Sequence[date]
    high: "Floats"
    low: "Floats"
    close: "Floats"
    volume: "Floats"


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of one symbol at the close of `session_date`; no figure is missing.

    `high_52w` counts that session in, `high_52w_before` ends with the one before it: what a breakout has to pass.
    `above_sma_20_on` and `above_sma_200_on` are the last sessions that closed at or above that average; nothing where
    the bars hold none. Exits ask them whether a position has been above at all since it was opened.
    """

    session_date: date
    above_sma_20_on: date | None
    above_sma_200_on: date | None
    close: float
    sma_20: float
    sma_200: float
    dist_20sma: float
    dist_200sma: float
    sma20_slope: float
    atr: float
    atr_pct: float
    atr_pct_mean_50: float
    vol_ratio: float
    pullback_depth: float
    high_52w: float
    high_52w_before: float
    rsi_14: float
    ema_12: float
    ema_26: float
    macd: float
    macd_signal: float
    macd_hist: float
    bb_upper: float
    bb_middle: float
    bb_lower: float
    bb_width: float
    adx_14: float
    obv: float

    def figures(self) -> dict[str, float]:
        """Return the numbers by name, without the dates: what is journaled and learned from."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, float)}


def features_of(bars: DailyBars, least: int = LEAST_BARS) -> Features:
    """Return the features at the last bar. Raises `TooFewBars` and `UnusableBars`.

    A high of 52 weeks is that of 252 bars, or of all where the symbol is younger than that. Who wants to know a symbol
    for longer than features need says so by `least`.
    """
    import numpy as np

    _check(bars, max(least, LEAST_BARS))
    series = {**_trend(bars), **_oscillators(bars)}
    last = {name: float(values[-1]) for name, values in series.items()}
    missing = sorted(name for name, value in last.items() if not np.isfinite(value))
    if missing:
        raise UnusableBars(f"the bars up to {bars.dates[-1]} give no {', '.join(missing)}; import their days anew.")
    return Features(
        session_date=bars.dates[-1],
        above_sma_20_on=_last_above(bars, series["sma_20"]),
        above_sma_200_on=_last_above(bars, series["sma_200"]),
        **last,
    )


def score(seen: Features) -> int:
    """Return how many of five signs of a calm uptrend a symbol shows, from 1 to 5; none of them is 1 as well."""
    signs = (
        seen.close > seen.sma_200,
        seen.sma20_slope > 0,
        seen.pullback_depth < 0.05,
        seen.vol_ratio > 1.2,
        seen.atr_pct < 0.03,
    )
    return within_confidence(sum(signs))


def within_confidence(count: int) -> int:
    """Return a count of signs as a confidence: not below 1, not above 5."""
    return max(LOWEST_CONFIDENCE, min(HIGHEST_CONFIDENCE, count))


def _check(bars: DailyBars, least: int) -> None:
    import numpy as np

    columns = (bars.high, bars.low, bars.close, bars.volume)
    count = len(bars.dates)
    if any(len(column) != count for column in columns):
        raise UnusableBars("the columns of the bars differ in length; each needs a value for every date.")
    if count < least:
        who = "features need" if least == LEAST_BARS else "MIN_HISTORY_DAYS asks for"
        raise TooFewBars(f"{count} daily bars are too few; {who} {least}.")
    odd = ~np.isfinite(columns).all(axis=0) | (bars.low <= 0) | (bars.volume < 0)
    odd |= (bars.high < bars.close) | (bars.close < bars.low)
    if odd.any():
        day = bars.dates[int(np.argmax(odd))]
        raise UnusableBars(f"the daily bar of {day} has no value, or one that no bar can have; import that day anew.")
    if any(later <= earlier for earlier, later in zip(bars.dates, bars.dates[1:], strict=False)):
        raise UnusableBars("the dates of the bars do not ascend; hand them over oldest first, each once.")


def _trend(bars: DailyBars) -> "dict[str, Floats]":
    """Return the features of trend, size of moves and volume as series that end with the last bar."""
    from thor.trading import indicators

    close = bars.close
    sma_20, sma_200 = indicators.sma(close, 20), indicators.sma(close, 200)
    atr = indicators.atr(bars.high, bars.low, close)
    atr_pct = atr / close
    return {
        "close": close,
        "sma_20": sma_20,
        "sma_200": sma_200,
        "dist_20sma": (close - sma_20) / sma_20,
        "dist_200sma": (close - sma_200) / sma_200,
        "sma20_slope": indicators.slope(sma_20, 5),
        "atr": atr,
        "atr_pct": atr_pct,
        "atr_pct_mean_50": indicators.sma(atr_pct, 50),
        "vol_ratio": indicators.volume_ratio(bars.volume),
        "pullback_depth": indicators.pullback_depth(bars.high, close),
        "high_52w": indicators.rolling_high(bars.high, min(YEAR_BARS, len(close))),
        "high_52w_before": indicators.rolling_high(bars.high[:-1], min(YEAR_BARS, len(close) - 1)),
        "obv": indicators.obv(close, bars.volume),
    }


def _oscillators(bars: DailyBars) -> "dict[str, Floats]":
    """Return the features of momentum and compression, likewise."""
    from thor.trading import indicators

    close = bars.close
    macd, bands = indicators.macd(close), indicators.bollinger(close)
    return {
        "rsi_14": indicators.rsi(close),
        "ema_12": indicators.ema(close, 12),
        "ema_26": indicators.ema(close, 26),
        "macd": macd.line,
        "macd_signal": macd.signal,
        "macd_hist": macd.histogram,
        "bb_upper": bands.upper,
        "bb_middle": bands.middle,
        "bb_lower": bands.lower,
        "bb_width": bands.width,
        "adx_14": indicators.adx(bars.high, bars.low, close),
    }


def _last_above(bars: DailyBars, average: "Floats") -> date | None:
    import numpy as np

    above = np.flatnonzero(bars.close >= average)
    return bars.dates[int(above[-1])] if len(above) else None
