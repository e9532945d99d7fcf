"""A day of ticks folded into minute bars in memory: Thor's kernel, pandas and Polars on the same ticks, on one core.

All compute the same seven figures of a bar: open, high, low, close, volume, trades and turnover (price × size, from
which its VWAP follows); Thor's turnover is exact, and it notes the times of open and close as well. What each needs
beforehand (a frame with its own types, times marked as sorted) is made before the clock starts. The outcomes are
compared before anything is timed.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"  # read when Polars is imported

import numpy as np
import pandas as pd
import polars as pl

from thor.marketdata import bars
from thor.marketdata.ticks import TickBatch
from thor.marketdata.units import UNIT

MINUTE = 60_000_000_000
Fold = Callable[[], Any]


def subjects(ticks: TickBatch) -> dict[str, tuple[Fold, Callable[[Any], np.ndarray]]]:
    """Return how each folds these ticks, and how its outcome becomes a plain array in the order of symbol and time."""
    names = np.array(ticks.symbols)[ticks.code]
    stamps = pd.to_datetime(ticks.at)
    frame = pd.DataFrame(
        {"code": ticks.code, "minute": stamps.floor("min"), "price": ticks.price, "size": ticks.size}, index=stamps
    )
    by_name = pd.DataFrame(
        {"symbol": pd.Categorical(names, categories=ticks.symbols), "price": ticks.price, "size": ticks.size},
        index=stamps,
    )
    rows = pl.DataFrame(
        {"code": ticks.code.astype(np.uint16), "at": ticks.at, "price": ticks.price, "size": ticks.size}
    )
    rows = rows.with_columns(pl.col("at").cast(pl.Datetime("ns"))).set_sorted("at")
    one = len(ticks.symbols) == 1
    return {
        "Thor": (lambda: bars.fold(ticks), _of_thor),
        "pandas groupby": (lambda: _grouped(frame), _of_grouped),
        "pandas resample": (lambda: _resampled(by_name, one), _of_resampled),
        "Polars group_by_dynamic": (lambda: _dynamic(rows, one), _of_polars),
    }


def compare(ticks: TickBatch, repeats: int) -> dict[str, float]:
    """Return the median milliseconds of each; all must have found the same."""
    found = subjects(ticks)
    with one_core():
        expected = found["Thor"][1](found["Thor"][0]())
        for name, (fold, plain) in found.items():
            outcome = plain(fold())
            assert outcome.shape == expected.shape, f"{name} found {outcome.shape} figures, Thor {expected.shape}"
            assert np.allclose(outcome, expected, rtol=1e-12), f"{name} found other figures than Thor"
        return _medians({name: fold for name, (fold, _) in found.items()}, repeats)


def _medians(folds: dict[str, Fold], repeats: int) -> dict[str, float]:
    """Return the median milliseconds of each; they take turns, so that what disturbs one disturbs all."""
    took: dict[str, list[float]] = {name: [] for name in folds}
    for _ in range(repeats):
        for name, fold in folds.items():
            began = time.perf_counter()
            fold()
            took[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(all_of) for name, all_of in took.items()}


@contextmanager
def one_core() -> Iterator[None]:
    """Hold this process on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _grouped(frame: pd.DataFrame) -> pd.DataFrame:
    groups = frame.assign(turnover=frame["price"] * frame["size"]).groupby(["code", "minute"])
    return groups.agg(
        open=("price", "first"),
        high=("price", "max"),
        low=("price", "min"),
        close=("price", "last"),
        volume=("size", "sum"),
        trades=("price", "size"),
        turnover=("turnover", "sum"),
    )


def _resampled(frame: pd.DataFrame, one: bool) -> list[Any]:
    frame = frame.assign(turnover=frame["price"] * frame["size"])
    minutes = frame.resample("1min") if one else frame.groupby("symbol", observed=True).resample("1min")
    price = minutes["price"]
    return [price.ohlc(), minutes["size"].sum(), price.count(), minutes["turnover"].sum()]


def _dynamic(rows: pl.DataFrame, one: bool) -> pl.DataFrame:
    price = pl.col("price")
    groups = rows.group_by_dynamic("at", every="1m", group_by=None if one else "code")
    return groups.agg(
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        pl.col("size").sum().alias("volume"),
        pl.len().alias("trades"),
        (price * pl.col("size")).sum().alias("turnover"),
    )


def _of_thor(folded: bars.Folded) -> np.ndarray:
    rows = folded.rows
    columns = [rows[name].astype(float) for name in ("open", "high", "low", "close")]
    turnover = [int(exact) / (UNIT * UNIT) for exact in folded.turnover]
    return np.column_stack([*columns, rows["volume"] / UNIT, rows["trades"].astype(float), turnover])


def _of_grouped(frame: pd.DataFrame) -> np.ndarray:
    return frame.sort_index().to_numpy(float)


def _of_resampled(parts: list[Any]) -> np.ndarray:
    found = np.column_stack([parts[0].to_numpy(float), *(part.to_numpy(float) for part in parts[1:])])
    # It gives a row for a minute without trades, too.
    return found[found[:, 5] > 0]


def _of_polars(frame: pl.DataFrame) -> np.ndarray:
    keys = ["code", "at"] if "code" in frame.columns else ["at"]
    return frame.sort(keys).drop(keys).to_numpy().astype(float)
