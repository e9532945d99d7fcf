"""The admin of market data: instruments are edited here, and what was recorded can be read.

`instruments` is the one page on which people write; `recorded` and `captures` show rows that feeds and jobs have
written, which nobody edits by hand.
"""

from thor.marketdata.admin import captures, instruments, recorded

__all__ = ["captures", "instruments", "recorded"]
