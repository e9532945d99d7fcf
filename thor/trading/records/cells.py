"""Make a value the cell of a table that people open in a spreadsheet."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from thor.trading.records.printing import printed

#: With one of these at its head a spreadsheet takes a text for a formula.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    """Return the text: instants in MARKET_TIMEZONE with offset, numbers in full, what is not known empty.

    A text that would be a formula gets an apostrophe before it.
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return printed(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULAS) else text
