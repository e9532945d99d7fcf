"""What is known of one minute, all symbols of a venue together, and how more of it is added.

A minute is kept while it is open, and for a while after it has closed, so that a late tick yields the complete amended
bar. On the wire: a JSON header (symbols, turnover, source) and the raw rows.
"""

import json
import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thor.marketdata import closed
from thor.marketdata.bars import ROW, clear_quotes, clear_trades
from thor.marketdata.totals import Totals

#: A row of the fold, and what has been handed on of it: ticks in the last bar sent, volume already in the totals.
KEPT = np.dtype([*ROW.descr, ("sent", "i8"), ("counted", "i8")])
_TRADES = (KEPT.names or ()).index("trades")


class MinuteTable:
    """The rows of one minute (ns since the epoch), one a symbol that had a tick in it."""

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.source = ""  # of the ticks that came last
        self.place: dict[str, int] = {}
        self.rows: NDArray[Any] = np.empty(0, KEPT)
        self.turnover: NDArray[np.object_] = np.empty(0, object)

    def absorb(self, symbols: Sequence[str], rows: NDArray[Any], turnover: NDArray[np.object_]) -> None:
        """Add folded rows (dtype ROW) of this minute, each symbol once."""
        places = self._places(symbols)
        mine = self.rows[places]
        first = rows["open_at"] < mine["open_at"]
        last = rows["close_at"] >= mine["close_at"]
        _take(mine, rows, first, "open", "open_at")
        _take(mine, rows, last, "close", "close_at")
        for side in ("bid", "ask"):
            newer = ~np.isnan(rows[side]) & (rows[f"{side}_at"] >= mine[f"{side}_at"])
            _take(mine, rows, newer, side, f"{side}_size", f"{side}_at")
        mine["high"] = np.fmax(mine["high"], rows["high"])
        mine["low"] = np.fmin(mine["low"], rows["low"])
        for sum_of in ("volume", "trades", "ticks"):
            mine[sum_of] += rows[sum_of]
        self.rows[places] = mine
        self.turnover[places] += turnover

    def unsent(self, source: str) -> list[bytes]:
        """Return the bars that nobody has yet, or of which more is known since they were sent, and note them as sent.

        They are items of the queue (`closed.items`).
        """
        due = np.flatnonzero((self.rows["trades"] > 0) & (self.rows["ticks"] > self.rows["sent"]))
        symbols = list(self.place)
        rows = self.rows[due]
        self.rows["sent"][due] = rows["ticks"]
        return closed.items([symbols[place] for place in due.tolist()], rows, self.turnover[due].tolist(), source)

    def count_into(self, totals: Totals, day: int) -> None:
        """Add to the totals what is not in them yet, and note it as counted."""
        totals.count(list(self.place), day, self.rows, self.rows["volume"] - self.rows["counted"])
        self.rows["counted"] = self.rows["volume"]

    def traded(self, symbols: Collection[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give (symbol, figures by name as in KEPT) of every symbol that has traded, or of these symbols alone."""
        wanted = self.place if symbols is None else [symbol for symbol in symbols if symbol in self.place]
        places = np.array([self.place[symbol] for symbol in wanted], np.int64)
        rows = self.rows[places]
        for symbol, row in zip(wanted, rows.tolist(), strict=True):
            if row[_TRADES]:
                yield symbol, dict(zip(KEPT.names or (), row, strict=True))

    def encode(self) -> bytes:
        """Return the bytes that are kept in Redis."""
        known = {"symbols": list(self.place), "turnover": self.turnover.tolist(), "source": self.source}
        header = json.dumps(known).encode()
        return struct.pack("<I", len(header)) + header + self.rows.tobytes()

    def _places(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        new = [symbol for symbol in symbols if symbol not in self.place]
        if new:
            self.place.update({symbol: place for place, symbol in enumerate(new, start=len(self.place))})
            blank = np.zeros(len(new), KEPT)
            blank["minute"] = self.minute
            clear_trades(blank)
            clear_quotes(blank)
            self.rows = np.concatenate((self.rows, blank))
            self.turnover = np.concatenate((self.turnover, np.zeros(len(new), object)))
        return np.array([self.place[symbol] for symbol in symbols], np.int64)


def decode(minute: int, raw: bytes) -> MinuteTable:
    """Return the table that `encode` wrote."""
    table = MinuteTable(minute)
    (length,) = struct.unpack_from("<I", raw)
    header = json.loads(raw[4 : 4 + length])
    if len(raw) - 4 - length != len(header["symbols"]) * KEPT.itemsize:
        return table  # written by another version: what it knew is in the bars that were sent
    table.place = {symbol: place for place, symbol in enumerate(header["symbols"])}
    table.rows = np.frombuffer(raw, KEPT, offset=4 + length).copy()
    table.turnover = np.array(header["turnover"], object)
    table.source = header.get("source", "")
    return table


def _take(mine: NDArray[Any], rows: NDArray[Any], where: NDArray[np.bool_], *names: str) -> None:
    for name in names:
        mine[name][where] = rows[name][where]
