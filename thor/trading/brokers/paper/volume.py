"""Know how much of a symbol is traded in a day, in the shares of a day: a split makes more of them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from thor.marketdata.adjust import divisor
from thor.marketdata.closes import splits_of
from thor.marketdata.models import DailyBar
from thor.trading.real_venues import real_venues

#: Sessions that are averaged, and how far back they may lie.
DAYS: Final = 20
REACH: Final = timedelta(days=60)


def average_daily_volume(symbol: str, day: date) -> Decimal | None:
    """Return the mean volume of the last 20 days before `day`; nothing where none is known.

    Days that were made up do not count where prices are real by now. Each is counted in the shares of `day`.
    """
    rows = DailyBar.objects.filter(instrument__symbol=symbol, date__lt=day, date__gte=day - REACH, volume__gt=0)
    rows = rows.exclude(origin=DailyBar.Origin.SIMULATED, instrument__venue__in=real_venues())
    found = list(rows.order_by("-date").values_list("instrument", "date", "volume")[:DAYS])
    splits = splits_of({key for key, _, _ in found}, day) if found else {}
    volumes = [volume * divisor(splits.get(key, ()), on, day) for key, on, volume in found]
    return sum(volumes, Decimal(0)) / len(volumes) if volumes else None
