"""Fold ticks into one-minute bars: the kernel (pure NumPy, no loop over ticks).

Ticks are brought into groups of one symbol and one minute by a stable sort (a radix sort, where the codes fit into 16
bits), and each figure of a bar is one `reduceat` over the groups. Open and close go by exchange time, ties by the order
of arrival, so the outcome does not depend on how ticks were cut into batches.

Volumes and turnover are exact integers: sizes in units of 10^-8, turnover (price * size) in units of 10^-16, which may
exceed 64 bits and is therefore handed over as Python integers. Sums of integers are the same in any order.
"""

from collections.abc import Iterator
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

#: Ticks that are folded at once: their columns fit into the cache of a core.
PIECE = 1 << 16

#: Up to so many symbols each is picked out of the batch by itself; more are sorted.
FEW = 8

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
    in_time = bool((batch.at[1:] >= batch.at[:-1]).all())
    if not in_time or len(batch) < 2 * PIECE:
        return _fold(batch, in_time)
    parts = [_fold(piece, True) for piece in _pieces(batch)]
    code, rows, turnover = (np.concatenate([getattr(part, name) for part in parts]) for name in Folded.__slots__)
    order = np.argsort(code, kind="stable")
    return Folded(code[order], rows[order], turnover[order])


def _pieces(batch: TickBatch) -> Iterator[TickBatch]:
    """Cut a batch whose ticks are in time between minutes, so that what is worked on at once fits into the cache."""
    start = 0
    while start < len(batch):
        last = int(batch.at[min(start + PIECE, len(batch)) - 1])
        stop = int(np.searchsorted(batch.at, (last // MINUTE + 1) * MINUTE))
        yield batch.slice(start, stop, watermark=batch.watermark)
        start = stop


def _fold(batch: TickBatch, in_time: bool) -> Folded:
    ticks = _sorted(batch, in_time)
    code, starts = _groups(ticks, in_time)
    rows = np.zeros(len(starts), ROW)
    rows["minute"] = ticks.at(starts) // MINUTE * MINUTE
    rows["ticks"] = np.diff(starts, append=len(batch))
    clear_trades(rows)
    clear_quotes(rows)
    for side in ("bid", "ask"):
        if not np.isnan(getattr(batch, side)).all():
            _fold_quotes(rows, starts, ticks, side)
    return Folded(code, rows, _fold_trades(rows, starts, ticks))


def clear_trades(rows: NDArray[Any]) -> None:
    """Set the figures of trades to "none yet": any trade is earlier than the open, later than the close."""
    for figure in ("open", "high", "low", "close"):
        rows[figure] = np.nan
    rows["open_at"], rows["close_at"] = LATEST, EARLIEST


def clear_quotes(rows: NDArray[Any]) -> None:
    """Set both sides of the quote to "none yet": any quote is later."""
    for side in ("bid", "ask"):
        rows[side], rows[f"{side}_size"], rows[f"{side}_at"] = np.nan, np.nan, EARLIEST


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Ticks by symbol, then time, then arrival: `order` says where each is in the batch (None: they are so already).

    `codes` are those that occur, ascending; the ticks of each begin at its place in `bounds`.
    """

    batch: TickBatch
    order: Ints | None
    codes: Ints
    bounds: Ints

    def column(self, name: str) -> Any:
        """Return a column of the batch in this order."""
        found = getattr(self.batch, name)
        return found if self.order is None else found[self.order]

    def at(self, places: Ints) -> Ints:
        """Return the times at some places, without sorting all of them."""
        return self.batch.at[places if self.order is None else self.order[places]]


def _sorted(batch: TickBatch, in_time: bool) -> _Sorted:
    code, at = batch.code, batch.at
    counts = np.bincount(code) if len(batch.symbols) > 1 else np.array([len(at)])
    codes = np.flatnonzero(counts)
    bounds = np.cumsum(counts[codes]) - counts[codes]
    if len(codes) == 1:
        order = None if in_time else np.argsort(at, kind="stable")
    elif not in_time:
        order = np.lexsort((at, code))
    elif len(codes) <= FEW:
        short = code.astype(_narrow(len(counts)))
        order = np.concatenate([np.flatnonzero(short == one) for one in codes])
    else:
        order = np.argsort(code.astype(_narrow(len(counts))), kind="stable")
    return _Sorted(batch, order, codes, bounds)


def _narrow(codes: int) -> type[np.unsignedinteger[Any]]:
    """Return the narrowest type of that many codes: a radix sort makes one turn a byte."""
    return np.uint8 if codes <= 1 << 8 else np.uint16 if codes <= 1 << 16 else np.uint32


def _groups(ticks: _Sorted, in_time: bool) -> tuple[Ints, Ints]:
    """Return the code and the start of each group of one symbol and one minute."""
    at = ticks.batch.at
    if in_time and len(ticks.codes) * (int(at[-1] - at[0]) // MINUTE + 1) * 16 < len(at):
        return _searched(ticks)
    minute = ticks.column("at") // MINUTE
    edge = np.empty(len(at), bool)
    np.not_equal(minute[1:], minute[:-1], out=edge[1:])
    edge[ticks.bounds] = True
    starts = np.flatnonzero(edge)
    return ticks.codes[np.searchsorted(ticks.bounds, starts, side="right") - 1], starts


def _searched(ticks: _Sorted) -> tuple[Ints, Ints]:
    """Do what `_groups` does by searching for the edges of minutes: most ticks need not be looked at."""
    at, total = ticks.batch.at, len(ticks.batch)
    starts = edges = np.searchsorted(at, np.arange(int(at[0]) // MINUTE, int(at[-1]) // MINUTE + 1) * MINUTE)
    if ticks.order is not None:
        # The places of a symbol's ticks in the batch ascend: those from an edge on belong to the minutes after it.
        parts = zip(ticks.bounds, np.split(ticks.order, ticks.bounds[1:]), strict=True)
        starts = np.concatenate([low + np.searchsorted(one, edges) for low, one in parts])
    kept = starts < np.append(starts[1:], total)  # an empty minute begins where the next one does
    return np.repeat(ticks.codes, len(edges))[kept], starts[kept]


def _fold_quotes(rows: NDArray[Any], starts: Ints, ticks: _Sorted, side: str) -> None:
    """Set the last known value of one side of the quote in each group, its size and its time."""
    column, sizes = ticks.column(side), ticks.column(f"{side}_size")
    known = np.flatnonzero(~np.isnan(column))
    last = np.searchsorted(known, np.append(starts[1:], len(column))) - 1
    has = last >= 0
    has[has] = known[last[has]] >= starts[has]
    places = known[last[has]]
    rows[side][has], rows[f"{side}_size"][has] = column[places], sizes[places]
    rows[f"{side}_at"][has] = ticks.at(places)


def _fold_trades(rows: NDArray[Any], starts: Ints, ticks: _Sorted) -> NDArray[np.object_]:
    """Set the figures of the trades in each group; return the turnover of each."""
    turnover = np.zeros(len(rows), object)
    price, size = ticks.column("price"), ticks.column("size")
    groups: Any = slice(None)
    places = None
    trade = np.isfinite(price)
    if not trade.all():
        places = np.flatnonzero(trade)
        price, size = price[places], size[places]
        starts = np.searchsorted(places, starts)
        groups = np.flatnonzero(starts < np.append(starts[1:], len(places)))
        starts = starts[groups]
        if not len(groups):
            return turnover
    lasts = np.append(starts[1:], len(price)) - 1
    found = rows[groups]
    found["open"], found["close"] = price[starts], price[lasts]
    found["high"] = np.maximum.reduceat(price, starts)
    found["low"] = np.minimum.reduceat(price, starts)
    for name, of in (("open_at", starts), ("close_at", lasts)):
        found[name] = ticks.at(of if places is None else places[of])
    found["trades"] = lasts - starts + 1
    found["volume"], turnover[groups] = _sums(price, size, starts, int(found["trades"].max()))
    rows[groups] = found
    return turnover


def _sums(price: Floats, size: Floats, starts: Ints, longest: int) -> tuple[Ints, NDArray[np.object_]]:
    """Return the exact volume (in units) and turnover of each group.

    Whole sizes at prices of four places are integers that floats hold; so are their sums up to 2^53, in any order.
    """
    short = _four_places(price)
    if short is not None and np.array_equal(np.rint(size), size):
        volume, turnover = np.add.reduceat(size, starts), np.add.reduceat(short * size, starts)
        if size.min() >= 0 and short.min() >= 0 and max(volume.max(), turnover.max()) < 2**52:
            return volume.astype(np.int64) * UNIT, turnover.astype(np.int64).astype(object) * (UNIT * UNIT // 10_000)
    units, factor = _size_units(size)
    prices, price_factor = _price_units(price, short)
    turnovers = product_sums(prices, units, starts, longest) * (factor * price_factor)
    return np.add.reduceat(units, starts) * factor, turnovers


def _size_units(size: Floats) -> tuple[Ints, int]:
    """Return sizes as integers and what one of them is worth in units: whole sizes stay small numbers."""
    whole = size.astype(np.int64)
    if np.array_equal(whole, size):
        return whole, UNIT
    return np.rint(size * UNIT).astype(np.int64), 1


def _four_places(price: Floats) -> Floats | None:
    """Return prices in ten-thousandths, which is enough for most of them, or None."""
    short = price * 10_000
    np.rint(short, out=short)
    return short if np.array_equal(short / 10_000, price) else None


def _price_units(price: Floats, short: Floats | None) -> tuple[Ints, int]:
    """Return prices as integers and what one of them is worth in units."""
    if short is not None:
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
