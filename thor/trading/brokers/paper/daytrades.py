"""Count the day trades in the books."""

from datetime import datetime

from thor.markets.table import SessionTable
from thor.trading.brokers.daytrades import count_day_trades, sessions_counted
from thor.trading.brokers.port import Side
from thor.trading.models.paper import PaperFill


def day_trades(sessions: SessionTable, at: datetime) -> int:
    """Return how often symbols were bought and afterwards sold within a session, of the last five including today's."""
    counted = sessions_counted(sessions, at)
    if not counted:
        return 0
    fills = PaperFill.objects.filter(at__gte=counted[0].open).select_related("order")
    return count_day_trades(counted, ((fill.at, fill.order.symbol, Side(fill.order.side)) for fill in fills))
