"""Keep the last price, the quote and the day's volume of each symbol, and note them down at every minute (pure).

A mark of minute M holds everything that the feed published before it promised M, and nothing that was traded or quoted
at or after M. It is made while ticks are folded, not when the job that stores it runs, so it does not depend on that
job. A tick that comes late for its minute counts in the next mark.
"""

import functools
import json
from dataclasses import dataclass
from typing import Any

from thor.marketdata.bars import EARLIEST, MINUTE

DAY = 1440 * MINUTE


@dataclass(slots=True)
class Total:
    """One symbol: the day (number since the epoch), its volume in units, the last price and its time in ns."""

    day: int
    volume: int
    price: float
    price_at: int


@dataclass(slots=True)
class Side:
    """One side of the quote as it was last: price, size (either may be None) and the time in ns."""

    price: float | None = None
    size: float | None = None
    at: int = EARLIEST


_Known = tuple[dict[str, Total], dict[str, Side], dict[str, Side]]


class Totals:
    """All symbols of a venue; `changed` where something was counted since they were read.

    What was kept is decoded when it is first asked for: most passes lie within a minute, and count nothing.
    """

    def __init__(self, raw: bytes | None = None) -> None:
        """Take what `encode` wrote; without it nothing is known yet, and is to be written."""
        self._raw = raw
        self.changed = raw is None

    @functools.cached_property
    def _known(self) -> _Known:
        found = json.loads(self._raw) if self._raw else {}
        if "of" not in found:
            return {}, {}, {}
        return (
            {symbol: Total(*parts) for symbol, parts in found["of"].items()},
            {symbol: Side(*parts) for symbol, parts in found["bids"].items()},
            {symbol: Side(*parts) for symbol, parts in found["asks"].items()},
        )

    @property
    def of(self) -> dict[str, Total]:
        """Return what was traded, by symbol."""
        return self._known[0]

    @property
    def bids(self) -> dict[str, Side]:
        """Return the last bid of each symbol that had one."""
        return self._known[1]

    @property
    def asks(self) -> dict[str, Side]:
        """Return the last ask of each symbol that had one."""
        return self._known[2]

    def count(self, symbol: str, day: int, volume: int, price: float, price_at: int) -> None:
        """Add what was traded on a day; what belongs to a day that is over changes nothing."""
        self.changed = True
        total = self.of.get(symbol)
        if total is None or day > total.day:
            self.of[symbol] = Total(day, volume, price, price_at)
        elif day == total.day:
            total.volume += volume
            if price_at >= total.price_at:
                total.price, total.price_at = price, price_at

    def quote(self, sides: dict[str, Side], symbol: str, side: Side) -> None:
        """Note one side of the quote (of `bids` or `asks`), unless a later one is known."""
        if symbol not in sides or side.at >= sides[symbol].at:
            sides[symbol] = side
            self.changed = True

    def mark(self, minute: int) -> bytes | None:
        """Return the mark of a minute (ns): every symbol that has traded on the day that ends or runs at it.

        A row is symbol, price, volume in units, bid, ask, bid size, ask size; what was never quoted is null.
        """
        day = (minute - 1) // DAY
        rows = [self._row(symbol, total) for symbol, total in self.of.items() if total.day == day]
        return json.dumps({"minute": minute, "rows": rows}).encode() if rows else None

    def newest_day(self) -> int:
        """Return the latest day on which anything traded, or -1."""
        return max((total.day for total in self.of.values()), default=-1)

    def encode(self) -> bytes:
        """Return the bytes that are kept in Redis."""
        found: dict[str, Any] = {"of": {s: (t.day, t.volume, t.price, t.price_at) for s, t in self.of.items()}}
        for name, sides in (("bids", self.bids), ("asks", self.asks)):
            found[name] = {symbol: (side.price, side.size, side.at) for symbol, side in sides.items()}
        return json.dumps(found).encode()

    def _row(self, symbol: str, total: Total) -> list[Any]:
        bid, ask = self.bids.get(symbol, Side()), self.asks.get(symbol, Side())
        return [symbol, total.price, total.volume, bid.price, ask.price, bid.size, ask.size]


def decode(raw: bytes | None) -> Totals:
    """Return the totals that `encode` wrote; none yet, where there is nothing."""
    return Totals(raw or None)
