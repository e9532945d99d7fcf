"""Say when the days begin by which records are asked for: on the calendar where the market is."""

from datetime import date, datetime, time, timedelta
from typing import Final

from thor.trading.hours import market_zone

NEXT: Final = timedelta(days=1)


def midnight(day: date) -> datetime:
    """Return when a day begins where the market is."""
    return datetime.combine(day, time(), market_zone())
