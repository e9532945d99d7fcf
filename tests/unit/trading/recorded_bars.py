"""Read ten years of recorded daily bars, in the shares of the last one."""

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thor.marketdata.adjust import adjusted, divisor
from thor.marketdata.daily import next_day, read_days, read_splits

FIRST, LAST = date(2011, 4, 1), date(2021, 3, 31)
SYMBOLS = ("spy", "aapl", "ibm")


class Recorded(NamedTuple):
    """Columns of one symbol's bars, oldest first."""

    dates: list[date]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


def recorded_bars(recordings: Path, symbol: str) -> Recorded:
    folder = recordings / "lean/Data/equity/usa"
    rows = [row for row in read_days(folder / f"daily/{symbol}.zip") if FIRST <= row.date <= LAST]
    # A factor holds up to and including its date: new shares begin with the next session.
    splits = [(next_day(one.date), one.ratio) for one in read_splits(folder / f"factor_files/{symbol}.csv")]
    by = [divisor(splits, row.date, LAST) for row in rows]
    prices = [
        [float(adjusted(getattr(row, name), ratio)) for row, ratio in zip(rows, by, strict=True)]
        for name in ("high", "low", "close")
    ]
    volume = [float(row.volume * ratio) for row, ratio in zip(rows, by, strict=True)]
    return Recorded([row.date for row in rows], *map(np.array, (*prices, volume)))
