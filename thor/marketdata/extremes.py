"""Find the extremes of 52 weeks and of all time in the trading days of many instruments at once (pure NumPy).

The window of a session date is the 365 calendar days that end with it. Days are brought into the shares of that date,
their bad prints are left out (a day that was rolled up from minutes has lost them minute by minute), and of two days
with the same extreme the earlier one is named. The day of the session date itself is not in here: it is still running.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thor.marketdata.badprints import clean_days

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Calendar days of a window, its last one included.
WINDOW: Final = 365

#: One trading day; `date` is a proleptic ordinal, prices are those of that day, `cleaned` says that no bad print is in.
DAY: Final = np.dtype(
    [
        ("instrument", "i8"),
        ("date", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("cleaned", "?"),
    ]
)

#: The extremes of one instrument before the session date: prices (NaN: none) and the ordinals of their dates.
BASE: Final = np.dtype(
    [
        ("high_52w", "f8"),
        ("high_52w_date", "i8"),
        ("low_52w", "f8"),
        ("low_52w_date", "i8"),
        ("all_time_high", "f8"),
        ("all_time_high_date", "i8"),
        ("all_time_low", "f8"),
        ("all_time_low_date", "i8"),
        ("close", "f8"),
    ]
)

#: The kinds of extremes, and whether a higher price breaks them.
KINDS: Final = {"high_52w": True, "low_52w": False, "all_time_high": True, "all_time_low": False}


@dataclass(frozen=True, slots=True)
class Split:
    """From the session of ordinal `date` on, one old share is `ratio` new ones."""

    date: int
    ratio: float


def base_of(
    days: NDArray[Any], instruments: Sequence[int], as_of: date, splits: Mapping[int, Iterable[Split]]
) -> NDArray[Any]:
    """Return a row of BASE for each instrument, from the days (dtype DAY, any order) before `as_of`."""
    found = blank(len(instruments))
    end = as_of.toordinal()
    days = days[days["date"] < end]
    if not len(days):
        return found
    days = days[np.lexsort((days["date"], days["instrument"]))]
    divide(days, end, splits)
    edges = days["instrument"][1:] != days["instrument"][:-1]
    before, after = _beside(days, edges)
    high, low = clean_days(days["open"], days["high"], days["low"], days["close"], before, after)
    high, low = (np.where(days["cleaned"], days[raw], one) for raw, one in (("high", high), ("low", low)))
    starts = np.concatenate(([0], np.flatnonzero(edges) + 1))
    rows = np.searchsorted(np.asarray(instruments), days["instrument"][starts])
    result = blank(len(starts))
    result["close"] = days["close"][np.append(starts[1:], len(days)) - 1]
    within = days["date"] > end - WINDOW
    for name, prices in (("all_time_high", high), ("all_time_low", low)):
        _take_first(result, name, prices, days["date"], starts)
    for name, prices in (("high_52w", high), ("low_52w", low)):
        _take_first(result, name, np.where(within, prices, np.nan), days["date"], starts)
    found[rows] = result
    return found


def blank(count: int) -> NDArray[Any]:
    """Return rows of BASE in which nothing is known."""
    rows = np.zeros(count, BASE)
    for name in ("close", *KINDS):
        rows[name] = np.nan
    return rows


def with_today(base: NDArray[Any], high: Floats, low: Floats, as_of: date) -> NDArray[Any]:
    """Return the rows of BASE with the session date's own high and low (NaN: nothing traded) counted in."""
    found = base.copy()
    for name in KINDS:
        broken = is_broken(base, name, high, low) | (np.isnan(base[name]) & ~np.isnan(high))
        found[name][broken] = (high if KINDS[name] else low)[broken]
        found[f"{name}_date"][broken] = as_of.toordinal()
    return found


def is_broken(base: NDArray[Any], kind: str, high: Floats, low: Floats) -> NDArray[np.bool_]:
    """Say of each instrument whether its session has gone beyond an extreme that it had before."""
    return high > base[kind] if KINDS[kind] else low < base[kind]


def divide(days: NDArray[Any], as_of: int, splits: Mapping[int, Iterable[Split]]) -> None:
    """Bring days into the shares of the ordinal `as_of`, in place, to eight places; sorted by instrument and date."""
    for instrument, known in splits.items():
        first, last = np.searchsorted(days["instrument"], [instrument, instrument + 1])
        mine = days[first:last]
        by = np.ones(len(mine))
        for split in known:
            if split.date <= as_of:
                by[mine["date"] < split.date] *= split.ratio
        for name in ("open", "high", "low", "close"):
            mine[name] = np.where(by == 1, mine[name], np.round(mine[name] / by, 8))


def _beside(days: NDArray[Any], edges: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the close before each day and the open after it, NaN where the instrument has none."""
    before, after = np.full(len(days), np.nan), np.full(len(days), np.nan)
    before[1:] = np.where(edges, np.nan, days["close"][:-1])
    after[:-1] = np.where(edges, np.nan, days["open"][1:])
    return before, after


def _take_first(rows: NDArray[Any], name: str, prices: Floats, dates: Ints, starts: Ints) -> None:
    """Set an extreme of each group and the first date that has it; a group of unknown prices stays as it is."""
    pick = np.fmax if KINDS[name] else np.fmin
    extreme = pick.reduceat(prices, starts)
    lengths = np.diff(starts, append=len(prices))
    hits = np.flatnonzero(prices == np.repeat(extreme, lengths))
    group, first = np.unique(np.searchsorted(starts, hits, side="right") - 1, return_index=True)
    rows[name][group] = extreme[group]
    rows[f"{name}_date"][group] = dates[hits[first]]
