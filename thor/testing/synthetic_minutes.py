"""Make the minutes of a trading day of which only the daily bar is known.

A recorded day says what was paid first, most, least and last, and how much was traded, but not when. The minutes made
of it are one way in which that day can have been: together they are the day exactly, each is a possible bar, and each
opens where the one before closed. They follow from the symbol and the date alone, so every process makes the same ones.

    path      between the open, the high, the low and the close, at two minutes drawn for the high and the low, prices
              walk at random and are pulled to where they have to arrive
    volume    heavy at the open and the close, and uneven; in whole shares

Prices lie on cents, or on the step of the day itself where it has finer ones.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thor.errors import ThorError
from thor.marketdata.daily import DayRow
from thor.marketdata.feeds.noise import uniform
from thor.timing.session import Session

CENT: Final = Decimal("0.01")
_MINUTE: Final = timedelta(minutes=1)
#: What each kind of random number is drawn from.
_PLACES, _STEPS, _HIGHS, _LOWS, _VOLUMES = range(5)
#: How far a walk goes in a minute, and beyond its open and close, as a share of the day's range.
_STEP: Final = 0.04
_WICK: Final = 0.02

Ticks = NDArray[np.int64]


class ImpossibleDay(ThorError):
    """A daily bar has no high above, or no low below, its other prices, so no minutes can make it up."""


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute [start_at, start_at + 1 min): its prices, and the shares that were traded in it."""

    start_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


def minutes_of(day: DayRow, session: Session) -> list[Minute]:
    """Return a minute for each of the session's, breaks left out. Raises `ImpossibleDay`."""
    if not day.low <= min(day.open, day.close) <= max(day.open, day.close) <= day.high:
        raise ImpossibleDay(f"the day {day.date} of {day.symbol} has a high or a low between its other prices.")
    starts = _starts(session)
    seed = zlib.crc32(f"{day.symbol} {day.date}".encode())
    step = _step(day)
    opened, high, low, close = (int(price / step) for price in (day.open, day.high, day.low, day.close))
    path, highest, lowest = _path(seed, len(starts), opened, high, low, close)
    tops, bottoms = _wicks(seed, path, high, low)
    tops[highest], bottoms[lowest] = high, low
    traded = _volumes(seed, len(starts), day.volume)
    columns = zip(starts, path[:-1].tolist(), tops.tolist(), bottoms.tolist(), path[1:].tolist(), traded, strict=True)
    return [Minute(at, o * step, h * step, low_ * step, c * step, v) for at, o, h, low_, c, v in columns]


def _starts(session: Session) -> list[datetime]:
    return [
        span.start + place * _MINUTE
        for span in session.trading_spans()
        for place in range(int((span.end - span.start) / _MINUTE))
    ]


def _step(day: DayRow) -> Decimal:
    """Return the grid on which all prices of the day lie: cents, unless it has finer prices."""
    prices = (day.open, day.high, day.low, day.close)
    step = CENT
    while any(price % step for price in prices):
        step /= 10
    return step


def _path(seed: int, count: int, opened: int, high: int, low: int, close: int) -> tuple[Ticks, int, int]:
    """Return the prices between minutes, shape (count + 1,), and the minutes in which high and low are touched."""
    places = uniform(seed, _PLACES, np.arange(2))
    highest, lowest = (places * count).astype(np.int64).tolist()
    points = {0: opened, count: close}
    for minute, price in ((highest, high), (lowest, low)):
        # At the end of its minute; the first and the last price of the day stay what they are.
        points.setdefault(minute + 1, price)
    steps = (uniform(seed, _STEPS, np.arange(count)) - 0.5) * 2 * _STEP * (high - low)
    walk = np.concatenate(([0.0], np.cumsum(steps)))
    where = sorted(points)
    pull = np.interp(np.arange(count + 1), where, [points[place] - walk[place] for place in where])
    path = np.clip(np.rint(walk + pull).astype(np.int64), low, high)
    return path, highest, lowest


def _wicks(seed: int, path: Ticks, high: int, low: int) -> tuple[Ticks, Ticks]:
    """Return the highest and lowest price of each minute, within the day's."""
    cells, reach = np.arange(len(path) - 1), _WICK * (high - low)
    beyond, below = (np.rint(uniform(seed, kind, cells) * reach).astype(np.int64) for kind in (_HIGHS, _LOWS))
    tops, bottoms = np.maximum(path[:-1], path[1:]), np.minimum(path[:-1], path[1:])
    return np.minimum(tops + beyond, high), np.maximum(bottoms - below, low)


def _volumes(seed: int, count: int, volume: Decimal) -> Sequence[Decimal]:
    """Return what is traded in each minute; it adds up to `volume`, whose fraction goes to the last minute."""
    middle = (np.arange(count) + 0.5) / count * 2 - 1
    weights = (0.6 + 1.6 * middle * middle) * (0.4 + 1.2 * uniform(seed, _VOLUMES, np.arange(count)))
    whole = volume.to_integral_value(ROUND_DOWN)
    shares = np.cumsum(weights) / weights.sum()
    sums = [min(int(share * float(whole)), int(whole)) for share in shares[:-1].tolist()]
    ends = [Decimal(one) for one in sums] + [volume]
    return [end - start for start, end in zip([Decimal(0), *ends[:-1]], ends, strict=True)]
