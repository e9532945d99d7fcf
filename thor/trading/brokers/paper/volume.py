"""Know how much of a symbol is traded in a day."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from thor.marketdata.models import DailyBar
from thor.trading.real_venues import real_venues

#: Sessions that are averaged, and how far back they may lie.
DAYS: Final = 20
REACH: Final = timedelta(days=60)


def average_daily_volume(symbol: str, day: date) -> Decimal | None:
    """Return the mean volume of the last 20 days before `day`; nothing where none is known.

    Days that were made up do not count where prices are real by now.
    """
    rows = DailyBar.objects.filter(instrument__symbol=symbol, date__lt=day, date__gte=day - REACH, volume__gt=0)
    rows = rows.exclude(origin=DailyBar.Origin.SIMULATED, instrument__venue__in=real_venues())
    found = list(rows.order_by("-date").values_list("volume", flat=True)[:DAYS])
    return sum(found, Decimal(0)) / len(found) if found else None
