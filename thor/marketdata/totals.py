"""Keep the last price and the volume of the UTC day of each symbol, and note them down at every minute (pure).

A mark of minute M holds everything that the feed published before it promised M, and nothing that was traded at or
after M. It is made while ticks are folded, not when the job that stores it runs, so it does not depend on that job.
A tick that comes late for its minute counts in the next mark.
"""

import json
from dataclasses import dataclass, field

from thor.marketdata.bars import MINUTE

DAY = 1440 * MINUTE


@dataclass(slots=True)
class Total:
    """One symbol: the day (number since the epoch), its volume in units, the last price and its time in ns."""

    day: int
    volume: int
    price: float
    price_at: int


@dataclass(slots=True)
class Totals:
    """All symbols of a venue."""

    of: dict[str, Total] = field(default_factory=dict)

    def count(self, symbol: str, day: int, volume: int, price: float, price_at: int) -> None:
        """Add what was traded on a day; what belongs to a day that is over changes nothing."""
        total = self.of.get(symbol)
        if total is None or day > total.day:
            self.of[symbol] = Total(day, volume, price, price_at)
        elif day == total.day:
            total.volume += volume
            if price_at >= total.price_at:
                total.price, total.price_at = price, price_at

    def mark(self, minute: int) -> bytes | None:
        """Return the mark of a minute (ns): every symbol that has traded on the day that ends or runs at it."""
        day = (minute - 1) // DAY
        rows = [(symbol, total.price, total.volume) for symbol, total in self.of.items() if total.day == day]
        return json.dumps({"minute": minute, "rows": rows}).encode() if rows else None

    def newest_day(self) -> int:
        """Return the latest day on which anything traded, or -1."""
        return max((total.day for total in self.of.values()), default=-1)

    def encode(self) -> bytes:
        """Return the bytes that are kept in Redis."""
        return json.dumps({s: (t.day, t.volume, t.price, t.price_at) for s, t in self.of.items()}).encode()


def decode(raw: bytes | None) -> Totals:
    """Return the totals that `encode` wrote; none yet, where there is nothing."""
    return Totals({symbol: Total(*parts) for symbol, parts in json.loads(raw).items()} if raw else {})
