"""Write finished trades as CSV, with the fields of the trade ledger in its order."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from thor.trading.models import Trade
from thor.trading.records.cells import cell

FIELDS: Final = (
    *("trade_id", "symbol"),
    *("entry_order_id", "entry_timestamp", "entry_price", "entry_quantity"),
    *("exit_order_id", "exit_timestamp", "exit_price", "exit_quantity", "exit_type", "exit_reason"),
    *("holding_days", "gross_pnl", "gross_pnl_pct", "fees", "net_pnl", "net_pnl_pct"),
    *("confidence", "risk_amount", "position_size"),
)


def trades_csv(trades: Iterable[Trade]) -> str:
    """Return the table."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(FIELDS)
    table.writerows([cell(getattr(trade, field)) for field in FIELDS] for trade in trades)
    return text.getvalue()
