"""Count day trades as FINRA does: a purchase and a sale of the same symbol within one session, over five sessions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from thor.markets.table import SessionTable
from thor.timing.session import Session
from thor.trading.brokers.port import Side

SESSIONS: Final = 5
#: Five sessions lie within as many days, whatever the holidays.
REACH: Final = timedelta(days=14)

#: One execution: when, of what, and which way.
Done = tuple[datetime, str, Side]


def sessions_counted(sessions: SessionTable, at: datetime) -> Sequence[Session]:
    """Return the last five sessions that have begun."""
    return [one for one in sessions.between((at - REACH).date(), at.date()) if one.open <= at][-SESSIONS:]


def count_day_trades(counted: Sequence[Session], fills: Iterable[Done]) -> int:
    """Return how often a symbol was bought and afterwards sold within one of these sessions; fills oldest first."""
    seen: dict[tuple[date, str], list[Side]] = defaultdict(list)
    for at, symbol, side in fills:
        day = next((one.date for one in reversed(counted) if one.open <= at), None)
        if day is not None:
            seen[day, symbol].append(side)
    return sum(_round_trips(sides) for sides in seen.values())


def _round_trips(sides: list[Side]) -> int:
    """Count the turns from buying to selling: fills of one order, and orders that scale in or out, are one trade."""
    return sum(before is Side.BUY and after is Side.SELL for before, after in pairwise(sides))
