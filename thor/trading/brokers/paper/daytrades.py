"""Count day trades as FINRA does: a purchase and a sale of the same symbol within one session, over five sessions."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from thor.markets.table import SessionTable
from thor.trading.brokers.port import Side
from thor.trading.models.paper import PaperFill

SESSIONS: Final = 5
#: Five sessions lie within as many days, whatever the holidays.
REACH: Final = timedelta(days=14)


def day_trades(sessions: SessionTable, at: datetime) -> int:
    """Return how many symbols were bought and afterwards sold within a session, of the last five including today's."""
    known = [one for one in sessions.between((at - REACH).date(), at.date()) if one.open <= at][-SESSIONS:]
    if not known:
        return 0
    seen: dict[tuple[date, str], list[Side]] = defaultdict(list)
    for fill in PaperFill.objects.filter(at__gte=known[0].open).select_related("order"):
        day = next(one.date for one in reversed(known) if one.open <= fill.at)
        seen[day, fill.order.symbol].append(Side(fill.order.side))
    return sum(_round_trips(sides) for sides in seen.values())


def _round_trips(sides: list[Side]) -> int:
    """Count the turns from buying to selling: fills of one order, and orders that scale in or out, are one trade."""
    return sum(before is Side.BUY and after is Side.SELL for before, after in pairwise(sides))
