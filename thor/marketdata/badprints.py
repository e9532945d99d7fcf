"""Tell a price that nobody could have traded at from one that is merely new (pure NumPy).

One print at 645.57 in the first minute after a split of seven to one is no 52-week high. A high or low is a bad print
if it lies more than half off *every* price that is known beside it:

    of a day       its open (unless that is the print itself), its close, the close before it, the open after it
    of a minute    the last price before it that is none itself (of the first minute: the close before the session),
                   the open of the minute after it

"Off" is the distance as a share of the other price. So a day that doubles keeps its high, because its close is beside
it; and a price that jumps by more than half is believed as soon as the next minute opens there, and not before. What is
left of a day or a minute without its bad prints are its other prices; a minute may be left with none (NaN).
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: How far off, as a share of the price beside it.
HALF: Final = 0.5


def is_off(price: Floats, beside: Floats) -> Bools:
    """Say of each price whether it lies more than half off the price beside it; False where either is unknown."""
    return np.abs(price - beside) > HALF * np.abs(beside)


def off_all(price: Floats, *beside: Floats) -> Bools:
    """Say of each price whether it is off every known price beside it, and at least one is known."""
    known = ~np.isnan(np.stack(beside))
    off = np.stack([is_off(price, one) for one in beside])
    return known.any(axis=0) & (off | ~known).all(axis=0)


def clean_days(
    opened: Floats, high: Floats, low: Floats, close: Floats, before: Floats, after: Floats
) -> tuple[Floats, Floats]:
    """Return highs and lows of days without bad prints; `before` and `after` are the prices beside (NaN: unknown)."""
    found = []
    for extreme, pick in ((high, np.fmax), (low, np.fmin)):
        own = np.where(opened == extreme, np.nan, opened)
        bad = off_all(extreme, own, close, before, after)
        found.append(np.where(bad, pick(own, close), extreme))
    return found[0], found[1]


def clean_minutes(opened: Floats, high: Floats, low: Floats, close: Floats, before: float) -> tuple[Floats, ...]:
    """Return the four prices of each minute, in their order in time, without bad prints; NaN where nothing is left.

    `before` is the close before the first of them, NaN where none is known.
    """
    prices = np.stack([opened, high, low, close])
    last = np.concatenate(([before], close[:-1]))
    following = np.append(opened[1:], np.nan)
    if not np.stack([off_all(one, last, following) for one in prices]).any():
        return opened, high, low, close
    kept = np.array([_left_of(*minute) for minute in _levelled(prices.T, following, before)]).T
    return tuple(kept)


def _levelled(minutes: Floats, following: Floats, level: float) -> Iterator[list[float]]:
    """Yield the prices of each minute, NaN instead of those that are off the last good one and the next open."""
    for minute, after in zip(minutes.tolist(), following.tolist(), strict=True):
        good = [price if _is_beside(price, level) or _is_beside(price, after) else math.nan for price in minute]
        if math.isnan(level) and math.isnan(after):
            good = minute
        level = next((price for price in (good[3], good[0], good[1]) if not math.isnan(price)), level)
        yield good


def _is_beside(price: float, other: float) -> bool:
    return abs(price - other) <= HALF * abs(other)


def _left_of(opened: float, high: float, low: float, close: float) -> tuple[float, float, float, float]:
    """Return the four prices of a minute that has lost some of them."""
    left = [price for price in (opened, high, low, close) if not math.isnan(price)] or [math.nan]
    first = next((price for price in (opened, close) if not math.isnan(price)), max(left))
    end = next((price for price in (close, opened) if not math.isnan(price)), max(left))
    return first, max(left), min(left), end
