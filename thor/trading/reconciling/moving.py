"""Say which symbols may be moving right now: their positions are not compared before the next time.

An order of the symbol is open     it may be filled between two questions
something was written of it since  another process has ordered or booked it while the broker was being asked
it was filled in the last minute   the broker's list of positions may be older than its orders
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max

from thor.trading.models import Event, Fill, Order
from thor.trading.models.orders import OPEN

#: So long after a fill the list of positions may not have it yet.
SETTLED: Final = timedelta(minutes=1)


def mark() -> int:
    """Return the number of the newest event: what is written after it is news."""
    return Event.objects.aggregate(last=Max("number"))["last"] or 0


def moving_symbols(*, since: int, at: datetime) -> frozenset[str]:
    """Return the symbols whose positions may be moving, while the desk is held; `since` is the mark."""
    busy = set(Order.objects.filter(state__in=OPEN).values_list("symbol", flat=True))
    busy.update(Event.objects.filter(number__gt=since).values_list("symbol", flat=True))
    busy.update(Fill.objects.filter(at__gte=at - SETTLED).values_list("order__symbol", flat=True))
    return frozenset(busy - {""})
