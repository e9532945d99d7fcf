"""Fold ticks into one-minute bars: the kernel (pure NumPy, no loop over ticks).

Ticks are brought into groups of one symbol and one minute by a stable sort (a radix sort, where the codes fit into 16
bits), and each figure of a bar is one `reduceat` over the groups. Open and close go by exchange time, ties by the order
of arrival, so the outcome does not depend on how ticks were cut into batches.

Volumes and turnover are exact integers: sizes in units of 10^-8, turnover (price * size) in units of 10^-16, which may
exceed 64 bits and is therefore handed over as Python integers. Sums of integers are the same in any order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thor.marketdata.ticks import Floats, Ints, TickBatch
from thor.marketdata.units import MINUTE, UNIT

#: One row is what is known of one minute of one symbol. Times in ns, `volume` in units; no trade yet: `trades` is 0.
ROW = np.dtype(
    [
        ("minute", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("open_at", "i8"),
        ("close_at", "i8"),
        ("volume", "i8"),
        ("trades", "i8"),
        ("ticks", "i8"),
        ("bid", "f8"),
        ("ask", "f8"),
        ("bid_size", "f8"),
        ("ask_size", "f8"),
        ("bid_at", "i8"),
        ("ask_at", "i8"),
    ]
)

#: Times that lose every comparison of "earlier" and "later".
LATEST = np.iinfo(np.int64).max
EARLIEST = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Folded:
    """The minutes of a batch: `code` and `rows` (dtype ROW) of shape (m,), `turnover` m Python integers.

    Groups come ordered by symbol code, then by minute, each pair once.
    """

    code: Ints
    rows: NDArray[Any]
    turnover: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.code)


def fold(batch: TickBatch) -> Folded:
    """Fold a batch into minutes; `size` must be deltas (see `volume.with_deltas`)."""
    if not len(batch):
        return Folded(np.empty(0, np.int64), np.empty(0, ROW), np.empty(0, object))
    order = _order(batch.code, batch.at)
    code, at = _taken(batch.code, order), _taken(batch.at, order)
    minute = at // MINUTE * MINUTE
    starts = _starts(code, minute)
    rows = np.zeros(len(starts), ROW)
    rows["minute"] = minute[starts]
    rows["ticks"] = np.diff(starts, append=len(code))
    clear_trades(rows)
    clear_quotes(rows)
    for side, column, sizes in (("bid", batch.bid, batch.bid_size), ("ask", batch.ask, batch.ask_size)):
        if not np.isnan(column).all():
            _fold_quotes(rows, starts, at, _taken(column, order), _taken(sizes, order), side)
    price, size = _taken(batch.price, order), _taken(batch.size, order)
    turnover = _fold_trades(rows, starts, at, price, size)
    return Folded(code[starts], rows, turnover)


def clear_trades(rows: NDArray[Any]) -> None:
    """Set the figures of trades to "none yet": any trade is earlier than the open, later than the close."""
    for figure in ("open", "high", "low", "close"):
        rows[figure] = np.nan
    rows["open_at"], rows["close_at"] = LATEST, EARLIEST


def clear_quotes(rows: NDArray[Any]) -> None:
    """Set both sides of the quote to "none yet": any quote is later."""
    for side in ("bid", "ask"):
        rows[side], rows[f"{side}_size"], rows[f"{side}_at"] = np.nan, np.nan, EARLIEST


def _order(code: Ints, at: Ints) -> Ints | None:
    """Return the stable order by symbol, then time; None where the ticks are in it already."""
    in_time = bool((at[1:] >= at[:-1]).all())
    top = int(code.max())
    if top == int(code.min()):
        return None if in_time else np.argsort(at, kind="stable")
    if in_time:
        return np.argsort(code.astype(np.uint16) if top <= 65535 else code, kind="stable")
    return np.lexsort((at, code))


def _taken(column: Any, order: Ints | None) -> Any:
    return column if order is None else column[order]


def _starts(code: Ints, minute: Ints) -> Ints:
    """Return where each group begins in columns that are sorted by symbol and minute."""
    edge = (code[1:] != code[:-1]) | (minute[1:] != minute[:-1])
    return np.concatenate(([0], np.flatnonzero(edge) + 1))


def _fold_quotes(rows: NDArray[Any], starts: Ints, at: Ints, column: Floats, sizes: Floats, side: str) -> None:
    """Set the last known value of one side of the quote in each group, its size and its time."""
    known = np.flatnonzero(~np.isnan(column))
    last = np.searchsorted(known, np.append(starts[1:], len(column))) - 1
    has = last >= 0
    has[has] = known[last[has]] >= starts[has]
    places = known[last[has]]
    rows[side][has], rows[f"{side}_size"][has], rows[f"{side}_at"][has] = column[places], sizes[places], at[places]


def _fold_trades(rows: NDArray[Any], starts: Ints, at: Ints, price: Floats, size: Floats) -> NDArray[np.object_]:
    """Set the figures of the trades in each group; return the turnover of each."""
    turnover = np.zeros(len(rows), object)
    trade = np.isfinite(price)
    groups = np.arange(len(rows))
    if not trade.all():
        kept = np.flatnonzero(trade)
        if not len(kept):
            return turnover
        owner = np.searchsorted(starts, kept, side="right") - 1
        groups, starts = np.unique(owner, return_index=True)
        at, price, size = at[kept], price[kept], size[kept]
    ends = np.append(starts[1:], len(price))
    units, factor = _size_units(size)
    found = rows[groups]
    found["open"], found["close"] = price[starts], price[ends - 1]
    found["high"] = np.maximum.reduceat(price, starts)
    found["low"] = np.minimum.reduceat(price, starts)
    found["open_at"], found["close_at"] = at[starts], at[ends - 1]
    found["volume"] = np.add.reduceat(units, starts) * factor
    found["trades"] = ends - starts
    rows[groups] = found
    prices, price_factor = _price_units(price)
    turnover[groups] = product_sums(prices, units, starts, int((ends - starts).max())) * (factor * price_factor)
    return turnover


def _size_units(size: Floats) -> tuple[Ints, int]:
    """Return sizes as integers and what one of them is worth in units: whole sizes stay small numbers."""
    whole = size.astype(np.int64)
    if np.array_equal(whole, size):
        return whole, UNIT
    return np.rint(size * UNIT).astype(np.int64), 1


def _price_units(price: Floats) -> tuple[Ints, int]:
    """Return prices as integers and what one of them is worth in units: four places are enough for most."""
    short = np.rint(price * 10_000)
    if np.array_equal(short / 10_000, price):
        return short.astype(np.int64), UNIT // 10_000
    return np.rint(price * UNIT).astype(np.int64), 1


def product_sums(left: Ints, right: Ints, starts: Ints, longest: int) -> NDArray[np.object_]:
    """Return the exact sum of left * right of each group as Python integers.

    Where a sum could leave 64 bits, the wider factor is split into a high and a low half and both are summed apart.
    """
    widths = [max(int(part.max()), -int(part.min())).bit_length() for part in (left, right)]
    if sum(widths) + int(longest).bit_length() <= 62:
        return np.add.reduceat(left * right, starts).astype(object)
    if widths[0] < widths[1]:
        left, right, widths = right, left, widths[::-1]
    half = widths[0] // 2
    high = product_sums(left >> half, right, starts, longest)
    low = product_sums(left & ((1 << half) - 1), right, starts, longest)
    total: NDArray[np.object_] = high * (1 << half) + low
    return total
