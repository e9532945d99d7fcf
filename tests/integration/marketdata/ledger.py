"""Write bars, days and samples for tests that care for what is computed from them."""

from datetime import date
from decimal import Decimal

from tests.integration.marketdata.conftest import utc
from thor.marketdata.models import Bar, DailyBar, Instrument


def instrument(symbol: str) -> Instrument:
    return Instrument.objects.get(symbol=symbol)


def bar(symbol: str, start: str, *prices: float, volume: float = 1) -> Bar:
    """Store the bar of a minute: one price for all four, or open, high, low, close."""
    names = ("open", "high", "low", "close")
    four = prices if len(prices) == 4 else prices * 4
    columns = {name: Decimal(str(price)) for name, price in zip(names, four, strict=True)}
    return Bar.objects.create(
        instrument=instrument(symbol),
        start_at=utc(start),
        volume=Decimal(str(volume)),
        trades=1,
        ticks=1,
        source="TEST",
        **columns,
    )


def day(symbol: str, on: str | date, *prices: float, origin: str = "imported") -> DailyBar:
    """Store a trading day: one price for all four, or open, high, low, close."""
    names = ("open", "high", "low", "close")
    four = prices if len(prices) == 4 else prices * 4
    columns = {name: Decimal(str(price)) for name, price in zip(names, four, strict=True)}
    return DailyBar.objects.create(instrument=instrument(symbol), date=on, volume=1, origin=origin, **columns)
