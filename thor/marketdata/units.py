"""The units in which market data are counted, for those that count and need no kernels."""

from typing import Final

#: Nanoseconds.
MINUTE: Final = 60_000_000_000
#: Prices and sizes are counted in 10^-8.
UNIT: Final = 100_000_000
