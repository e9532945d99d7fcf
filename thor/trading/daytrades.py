"""Know how many day trades the account has made, also where its broker does not tell."""

from datetime import datetime

from thor.markets.sessions import sessions_of
from thor.trading.books import books_since
from thor.trading.brokers.choice import TRADING_MARKET
from thor.trading.brokers.daytrades import count_day_trades, sessions_counted
from thor.trading.brokers.port import Account, Side
from thor.trading.models import Fill


def day_trades(account: Account, at: datetime) -> int:
    """Return the day trades of five sessions: as the broker counts them, else those of the journal.

    The journal has the desk's own; what a person has traded beside it within a day is not among them.
    """
    if account.day_trades is not None:
        return account.day_trades
    counted = sessions_counted(sessions_of(TRADING_MARKET), at)
    if not counted:
        return 0
    since = max(counted[0].open, books_since() or counted[0].open)
    fills = Fill.objects.filter(at__gte=since).select_related("order").order_by("at", "pk")
    return count_day_trades(counted, ((fill.at, fill.order.symbol, Side(fill.order.side)) for fill in fills))
