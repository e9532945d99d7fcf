"""Keep the last price, the quote and the day's volume of each symbol, and note them down at every minute (pure).

A mark of minute M holds everything that the feed published before it promised M, and nothing that was traded or quoted
at or after M. It is made while ticks are folded, not when the job that stores it runs, so it does not depend on that
job. A tick that comes late for its minute counts in the next mark.

All symbols of a venue are one table, a row each, so that a minute of 5,000 of them is counted in a few operations. On
the wire: a JSON header (symbols) and the raw rows. It is read when it is first asked for: most passes lie within a
minute, and count nothing.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thor.marketdata.bars import EARLIEST, MINUTE

DAY = 1440 * MINUTE

#: What is known of a symbol: the day (number since the epoch) on which it last traded, its volume in units, the last
#: price and its time (ns), and each side of the quote (NaN: never seen). Nothing traded yet: the day is -1.
TOTAL = np.dtype(
    [
        ("day", "i8"),
        ("volume", "i8"),
        ("price", "f8"),
        ("price_at", "i8"),
        ("bid", "f8"),
        ("bid_size", "f8"),
        ("bid_at", "i8"),
        ("ask", "f8"),
        ("ask_size", "f8"),
        ("ask_at", "i8"),
    ]
)

#: The columns of a mark's row after the symbol.
_MARKED = ("price", "volume", "bid", "ask", "bid_size", "ask_size")


class Totals:
    """All symbols of a venue; `changed` where something was counted since they were read."""

    def __init__(self, raw: bytes | None = None) -> None:
        """Take what `encode` wrote; without it nothing is known yet, and is to be written."""
        self.changed = raw is None
        self._raw = raw
        self._place: dict[str, int] = {}
        self._rows: NDArray[Any] = np.empty(0, TOTAL)

    def count(self, symbols: Sequence[str], day: int, rows: NDArray[Any], volume: NDArray[np.int64]) -> None:
        """Add what was traded and quoted in a minute of a day: rows of the fold, and the volume not counted before.

        What was traded on a day that is over changes nothing; a quote counts unless a later one is known.
        """
        self._read()
        self.changed = True
        places = self._places(symbols)
        mine = self._rows[places]
        traded = rows["trades"] > 0
        begins = traded & (day > mine["day"])
        mine["volume"][begins], mine["price_at"][begins] = 0, EARLIEST
        mine["day"][begins] = day
        counts = traded & (day == mine["day"])
        mine["volume"] += np.where(counts, volume, 0)
        _take(mine, rows, counts & (rows["close_at"] >= mine["price_at"]), price="close", price_at="close_at")
        for side in ("bid", "ask"):
            newer = ~np.isnan(rows[side]) & (rows[f"{side}_at"] >= mine[f"{side}_at"])
            _take(mine, rows, newer, **{name: name for name in (side, f"{side}_size", f"{side}_at")})
        self._rows[places] = mine

    def forget_prices(self, until: int) -> None:
        """Forget every price and quote; only what was traded or quoted at or after `until` (ns) brings them back."""
        self._read()
        self.changed = True
        for at, *names in (("price_at", "price"), ("bid_at", "bid", "bid_size"), ("ask_at", "ask", "ask_size")):
            self._rows[at] = np.maximum(self._rows[at] + 1, until)
            for name in names:
                self._rows[name] = np.nan

    def mark(self, minute: int) -> bytes | None:
        """Return the mark of a minute (ns): every symbol with a price of the day that ends or runs at it.

        A row is symbol, price, volume in units, bid, ask, bid size, ask size; what was never quoted is null.
        """
        self._read()
        of_day = self._rows["day"] == (minute - 1) // DAY
        here = np.flatnonzero(of_day & ~np.isnan(self._rows["price"]))
        if not len(here):
            return None
        symbols = list(self._place)
        columns = [_known(self._rows[name][here]) for name in _MARKED]
        rows = list(zip([symbols[place] for place in here.tolist()], *columns, strict=True))
        return json.dumps({"minute": minute, "rows": rows}).encode()

    def encode(self) -> bytes:
        """Return the bytes that are kept in Redis."""
        self._read()
        header = json.dumps(list(self._place)).encode()
        return struct.pack("<I", len(header)) + header + self._rows.tobytes()

    def _read(self) -> None:
        raw, self._raw = self._raw, None
        if not raw:
            return
        (length,) = struct.unpack_from("<I", raw)
        if len(raw) < 4 + length or raw[4:5] != b"[":
            return  # written by another version: the next ticks begin anew
        symbols = json.loads(raw[4 : 4 + length])
        if len(raw) - 4 - length == len(symbols) * TOTAL.itemsize:
            self._place = {symbol: place for place, symbol in enumerate(symbols)}
            self._rows = np.frombuffer(raw, TOTAL, offset=4 + length).copy()

    def _places(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        new = [symbol for symbol in symbols if symbol not in self._place]
        if new:
            self._place.update({symbol: place for place, symbol in enumerate(new, start=len(self._place))})
            blank = np.zeros(len(new), TOTAL)
            blank["day"] = -1
            for name in TOTAL.names or ():
                if name.endswith("_at"):
                    blank[name] = EARLIEST
                elif TOTAL[name].kind == "f":
                    blank[name] = np.nan
            self._rows = np.concatenate((self._rows, blank))
        return np.array([self._place[symbol] for symbol in symbols], np.int64)


def decode(raw: bytes | None) -> Totals:
    """Return the totals that `encode` wrote; none yet, where there is nothing."""
    return Totals(raw or None)


def _take(mine: NDArray[Any], rows: NDArray[Any], where: NDArray[np.bool_], **names: str) -> None:
    for to, of in names.items():
        mine[to][where] = rows[of][where]


def _known(column: NDArray[Any]) -> list[Any]:
    """Return the figures of a column, None for those that were never seen."""
    found: list[Any] = column.tolist()
    return [None if figure != figure else figure for figure in found] if column.dtype.kind == "f" else found
