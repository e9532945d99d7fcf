"""Ticks as columns: one batch is a few NumPy arrays of one length, and travels as one entry of a stream.

On the wire a batch is a JSON header (symbols, source, run, first sequence number) and the raw bytes of each column,
little-endian; a column in which nothing is known is left out. 10,000 trades of four symbols take 260 kB.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thor.errors import ThorError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WIRE_VERSION = 1
_FLOAT_COLUMNS = ("price", "size", "bid", "ask", "bid_size", "ask_size", "cumulative")


class UnreadableBatch(ThorError):
    """An entry of the stream is not a batch of ticks that this version can read."""


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Ticks of one venue in the order in which the source gave them; all columns have shape (n,).

    `code` indexes `symbols`. `at` is exchange time in ns since the epoch, UTC. A trade has a price; a quote has none
    (NaN) and carries `bid`, `ask` or both; a trade may carry them too. `bid_size` and `ask_size` are what was quoted at
    them. `size` is what was traded, or NaN where the source only gives `cumulative`, the volume of the day so far.
    `watermark` is the promise that every tick before this data time (ns) has been published with this batch or before
    it. `first` numbers the first tick within the venue's run of publication; the others follow without a gap.
    """

    symbols: tuple[str, ...]
    code: Ints
    at: Ints
    price: Floats
    size: Floats
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    cumulative: Floats
    watermark: int
    source: str
    run: str = ""
    first: int = 0

    def __len__(self) -> int:
        return len(self.at)

    def slice(self, start: int, stop: int, *, watermark: int) -> "TickBatch":
        """Return the ticks [start, stop) with a watermark of their own; the arrays are views."""
        part = slice(start, stop)
        columns = {name: getattr(self, name)[part] for name in ("code", "at", *_FLOAT_COLUMNS)}
        return replace(self, **columns, watermark=watermark, first=self.first + start)

    def where(self, kept: NDArray[np.bool_]) -> "TickBatch":
        """Return only the ticks that are kept; their numbers are not contiguous any more."""
        return replace(self, **{name: getattr(self, name)[kept] for name in ("code", "at", *_FLOAT_COLUMNS)})

    def stamped(self, *, run: str, first: int) -> "TickBatch":
        """Return the batch with the run of publication it belongs to and the number of its first tick."""
        return replace(self, run=run, first=first)


def empty(*, watermark: int, source: str, symbols: tuple[str, ...] = ()) -> TickBatch:
    """Return a batch without ticks, which only moves the watermark."""
    return make(symbols, code=[], at=[], price=[], watermark=watermark, source=source)


def make(
    symbols: tuple[str, ...],
    *,
    code: Sequence[int] | Ints,
    at: Sequence[int] | Ints,
    price: Sequence[float] | Floats,
    watermark: int,
    source: str,
    size: Sequence[float] | Floats | None = None,
    bid: Sequence[float] | Floats | None = None,
    ask: Sequence[float] | Floats | None = None,
    bid_size: Sequence[float] | Floats | None = None,
    ask_size: Sequence[float] | Floats | None = None,
    cumulative: Sequence[float] | Floats | None = None,
) -> TickBatch:
    """Return a batch; columns that are left out are unknown (NaN) throughout."""
    stamps = np.asarray(at, dtype=np.int64)
    unknown = np.full(len(stamps), np.nan)
    given = {
        "size": size,
        "bid": bid,
        "ask": ask,
        "bid_size": bid_size,
        "ask_size": ask_size,
        "cumulative": cumulative,
    }
    known: dict[str, Any] = {
        name: np.asarray(unknown if part is None else part, np.float64) for name, part in given.items()
    }
    return TickBatch(
        symbols=symbols,
        code=np.asarray(code, dtype=np.int64),
        at=stamps,
        price=np.asarray(price, dtype=np.float64),
        watermark=watermark,
        source=source,
        **known,
    )


def concatenate(batches: Sequence[TickBatch]) -> TickBatch:
    """Join batches of one run in their order, with one table of symbols and the newest watermark."""
    if len(batches) == 1:
        return batches[0]
    symbols = tuple(dict.fromkeys(symbol for batch in batches for symbol in batch.symbols))
    place = {symbol: code for code, symbol in enumerate(symbols)}
    codes = [np.array([place[s] for s in batch.symbols] or [0], np.int64)[batch.code] for batch in batches]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(batch, name) for batch in batches]) for name in ("at", *_FLOAT_COLUMNS)
    }
    watermark = max(batch.watermark for batch in batches)
    return replace(batches[0], symbols=symbols, code=np.concatenate(codes), watermark=watermark, **columns)


def encode(batch: TickBatch) -> dict[bytes, bytes]:
    """Return the fields of a stream entry; only symbols that occur are named."""
    used, code = np.unique(batch.code, return_inverse=True)
    header = {
        "v": WIRE_VERSION,
        "run": batch.run,
        "source": batch.source,
        "first": batch.first,
        "n": len(batch),
        "symbols": [batch.symbols[place] for place in used],
    }
    fields = {b"h": json.dumps(header).encode(), b"w": str(batch.watermark).encode()}
    if len(batch):
        fields[b"code"] = code.astype("<u2" if len(used) <= 65536 else "<u4").tobytes()
        fields[b"at"] = batch.at.astype("<i8", copy=False).tobytes()
        for name in _FLOAT_COLUMNS:
            column = getattr(batch, name)
            if not np.isnan(column).all():
                fields[name.encode()] = column.astype("<f8", copy=False).tobytes()
    return fields


def decode(fields: dict[bytes, bytes]) -> TickBatch:
    """Return the batch of a stream entry; raise `UnreadableBatch` where it is none."""
    try:
        header = json.loads(fields[b"h"])
        if header["v"] != WIRE_VERSION:
            raise UnreadableBatch(f"a batch of version {header['v']} came in; this Thor reads {WIRE_VERSION}.")
        count = int(header["n"])
        symbols = tuple(header["symbols"])
        code = np.frombuffer(fields.get(b"code", b""), "<u2" if len(symbols) <= 65536 else "<u4")
        columns = {name: _column(fields, name, count) for name in _FLOAT_COLUMNS}
        batch = TickBatch(
            symbols=symbols,
            code=code.astype(np.int64),
            at=np.frombuffer(fields.get(b"at", b""), "<i8"),
            watermark=int(fields[b"w"]),
            source=str(header["source"]),
            run=str(header["run"]),
            first=int(header["first"]),
            **columns,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UnreadableBatch(f"an entry of the stream is not a batch of ticks ({error}).") from None
    if any(len(part) != count for part in (batch.code, batch.at, *columns.values())):
        raise UnreadableBatch("an entry of the stream has columns of unequal length.")
    if count and int(batch.code.max()) >= len(symbols):
        raise UnreadableBatch("an entry of the stream has a symbol code outside its table.")
    return batch


def _column(fields: dict[bytes, bytes], name: str, count: int) -> Floats:
    raw = fields.get(name.encode())
    return np.full(count, np.nan) if raw is None else np.frombuffer(raw, "<f8")
