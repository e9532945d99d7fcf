"""Tell a set of examples from another one."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol

_PLACES: Final = Decimal("0.0001")


class Row(Protocol):
    """What of an example goes into the fingerprint."""

    symbol: str
    entry_price: Decimal
    exit_price: Decimal
    decision_timestamp: datetime
    exit_timestamp: datetime


def fingerprint(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of a set of finished trades, in hexadecimal; the order of the rows makes no difference.

    What is hashed is text in UTF-8: lines that a single line feed separates, with none after the last. The first is
    `count=` and the number of trades. Then there is one for each trade, by entry timestamp and then by symbol: symbol,
    entry price, exit price, entry timestamp and exit timestamp, joined by `|`. Prices have four decimals, timestamps
    are UTC in ISO 8601 with six decimals of a second and the offset. So two trades may read

        count=2
        AAPL|50.0000|55.0000|2026-03-02T20:40:00.000000+00:00|2026-03-09T14:36:00.000000+00:00
        MSFT|400.2500|396.0000|2026-03-03T20:40:00.000000+00:00|2026-03-12T13:36:00.000000+00:00
    """
    ordered = sorted(rows, key=lambda row: (row.decision_timestamp, row.symbol))
    lines = [f"count={len(ordered)}", *(_line(row) for row in ordered)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(row: Row) -> str:
    prices = (f"{price.quantize(_PLACES):f}" for price in (row.entry_price, row.exit_price))
    times = (
        at.astimezone(UTC).isoformat(timespec="microseconds") for at in (row.decision_timestamp, row.exit_timestamp)
    )
    return "|".join((row.symbol, *prices, *times))
