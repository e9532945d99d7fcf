"""Write finished trades as CSV, with the fields of the trade ledger in its order."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from thor.trading.models import Trade
from thor.trading.records.printing import printed

FIELDS: Final = (
    *("trade_id", "symbol"),
    *("entry_order_id", "entry_timestamp", "entry_price", "entry_quantity"),
    *("exit_order_id", "exit_timestamp", "exit_price", "exit_quantity", "exit_type", "exit_reason"),
    *("holding_days", "gross_pnl", "gross_pnl_pct", "fees", "net_pnl", "net_pnl_pct"),
    *("confidence", "risk_amount", "position_size"),
)
#: With one of these at its head a spreadsheet takes a text for a formula.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def trades_csv(trades: Iterable[Trade]) -> str:
    """Return the table: instants in MARKET_TIMEZONE with offset, numbers in full, what is not known empty."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(FIELDS)
    table.writerows([_cell(getattr(trade, field)) for field in FIELDS] for trade in trades)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return printed(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULAS) else text
