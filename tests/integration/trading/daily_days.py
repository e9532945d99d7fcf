"""Write days, minutes and quotes of a symbol, for what is computed from them."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import redis

from thor.marketdata import keys
from thor.marketdata.models import Bar, DailyBar, Instrument, Split
from thor.markets.sessions import sessions_of_calendar
from thor.timing.session import Session


def sessions_before(day: date, count: int) -> list[Session]:
    """Return the last sessions of New York before a date."""
    return sessions_of_calendar("XNYS").between(day - timedelta(days=2 * count + 14), day - timedelta(days=1))[-count:]


def write_days(symbol: str, dates: Sequence[date], close: float = 100.0, volume: float = 1000.0) -> None:
    """Store a day a date, a cent higher than the one before; its high and low lie one away from its close."""
    instrument = Instrument.objects.get(symbol=symbol)
    DailyBar.objects.bulk_create(
        DailyBar(
            instrument=instrument,
            date=day,
            open=_price(close + place / 100),
            high=_price(close + place / 100 + 1),
            low=_price(close + place / 100 - 1),
            close=_price(close + place / 100),
            volume=_price(volume),
            origin="imported",
        )
        for place, day in enumerate(dates)
    )


def write_minutes(symbol: str, start: datetime, prices: Sequence[float], volume: float = 10.0) -> None:
    """Store minutes from `start` on, one price each; high and low lie half away."""
    instrument = Instrument.objects.get(symbol=symbol)
    Bar.objects.bulk_create(
        Bar(
            instrument=instrument,
            start_at=start + timedelta(minutes=place),
            open=_price(price),
            high=_price(price + 0.5),
            low=_price(price - 0.5),
            close=_price(price),
            volume=_price(volume),
            trades=1,
            ticks=1,
            source="TEST",
        )
        for place, price in enumerate(prices)
    )


def write_quote(client: redis.Redis, symbol: str, last: float, at: datetime, **figures: float | str) -> None:
    """Publish a snapshot, as a feed would."""
    found = {"symbol": symbol, "last": last, "at": at.isoformat(), "venue": "us_equities", "source": "TEST", **figures}
    client.hset(keys.LATEST_QUOTES, symbol, json.dumps(found))


def split(symbol: str, day: date, ratio: str) -> None:
    """Store a split: the first session in new shares, and new shares an old one."""
    Split.objects.create(instrument=Instrument.objects.get(symbol=symbol), date=day, ratio=Decimal(ratio))


def _price(value: float) -> Decimal:
    return Decimal(str(round(value, 8)))
