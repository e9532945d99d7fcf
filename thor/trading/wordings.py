"""Word the six lines that people and their scripts look for in `scheduler.log`: words, fields and order are fixed.

    Reconciliation status=ok safe_mode=false positions=2 orders=1
    Health check | equity=$24500.00 buying_power=$20000.00 open_positions=2 pending_orders=1
    Entry window reached. Running trade cycle once for today.
    Executed 3 pending exit intents
    Offline ML training cycle...
    Market clock recovered after 2 failures

`ok` is READY; SAFE_MODE, EXIT_ONLY and FAILED are themselves in lower case. What could not be asked for is `unknown`.
Numbers stay bare, and words in the plural whatever the number is, so that one pattern finds every line.
"""

from decimal import Decimal
from typing import Final

from thor.markets.broker_clock_asking import clock_recovered
from thor.trading.models.desk import Readiness

__all__ = [
    "clock_recovered",
    "entry_window_reached",
    "exit_intents_executed",
    "health_checked",
    "offline_ml_begun",
    "reconciled",
]

OK: Final = "ok"
UNKNOWN: Final = "unknown"


def reconciled(*, status: str, positions: int | None, orders: int | None) -> str:
    """Word what a reconciliation came to; everything but READY is safe mode."""
    is_ready = status == Readiness.READY
    word = OK if is_ready else str(status).lower()
    return (
        f"Reconciliation status={word} safe_mode={str(not is_ready).lower()}"
        f" positions={_count(positions)} orders={_count(orders)}"
    )


def health_checked(
    *, equity: Decimal | None, buying_power: Decimal | None, open_positions: int | None, pending_orders: int | None
) -> str:
    """Word how the account stands, in dollars and cents."""
    return (
        f"Health check | equity={_dollars(equity)} buying_power={_dollars(buying_power)}"
        f" open_positions={_count(open_positions)} pending_orders={_count(pending_orders)}"
    )


def entry_window_reached() -> str:
    """Word the beginning of a session's one entry cycle."""
    return "Entry window reached. Running trade cycle once for today."


def exit_intents_executed(count: int) -> str:
    """Word how many intents an execution window has carried out."""
    return f"Executed {count} pending exit intents"


def offline_ml_begun() -> str:
    """Word the beginning of a day's one attempt to learn."""
    return "Offline ML training cycle..."


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def _dollars(amount: Decimal | None) -> str:
    return UNKNOWN if amount is None else f"${amount:.2f}"
