"""The units in which market data are counted, for those that count and need no kernels."""

from datetime import UTC, datetime
from typing import Final

#: Nanoseconds.
MINUTE: Final = 60_000_000_000
#: Prices and sizes are counted in 10^-8.
UNIT: Final = 100_000_000


def minute_of(at: datetime) -> datetime:
    """Return the start of the minute that holds `at`."""
    return datetime.fromtimestamp(int(at.timestamp()) // (MINUTE // 10**9) * 60, UTC)
