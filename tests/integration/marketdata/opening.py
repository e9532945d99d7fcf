"""A session of New York on 2 March 2026, quotes for it, and instruments that are captured."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import Capture, DailyBar, Instrument, Target
from thor.marketdata.ticks import TickBatch, make

DAY = utc("2026-03-02T00:00").date()
OPEN, CLOSE = utc("2026-03-02T14:30"), utc("2026-03-02T21:00")
T0, T1 = ns("2026-03-02T14:30"), ns("2026-03-02T21:00")
SECOND = 10**9

#: symbol, ns, price, bid, ask
Quote = tuple[str, int, float, float, float]


def watch(*symbols: str, previous: str = "100", offset: str = "2", **fields: Any) -> list[Instrument]:
    """Capture these instruments and no others: a point is a buy, five are a strong one; they closed at `previous`."""
    Instrument.objects.update(captured=False)
    for symbol in symbols:
        row = {"threshold": 1, "strong_threshold": 5, "signal_weight": 1, "captured": True, "venue": "us_equities"}
        instrument, _ = Instrument.objects.update_or_create(symbol=symbol, defaults={**row, "kind": "equity", **fields})
        levels = {"mode": "points", "high": offset, "low": offset}
        Target.objects.update_or_create(instrument=instrument, defaults=levels)
        days = {name: Decimal(previous) for name in ("open", "high", "low", "close")}
        key = {"instrument": instrument, "date": DAY - timedelta(days=3)}
        DailyBar.objects.get_or_create(**key, defaults={**days, "volume": 1, "origin": "imported"})
    return list(Instrument.objects.filter(captured=True))


def quotes(watermark: int, *rows: Quote) -> TickBatch:
    """Return a batch of trades of ten that carry a quote."""
    symbols = tuple(dict.fromkeys(row[0] for row in rows))
    count = len(rows)
    return make(
        symbols,
        code=[symbols.index(row[0]) for row in rows],
        at=[row[1] for row in rows],
        price=[row[2] for row in rows],
        size=[10.0] * count,
        bid=[row[3] for row in rows],
        ask=[row[4] for row in rows],
        bid_size=[3.0] * count,
        ask_size=[4.0] * count,
        watermark=watermark,
        source="TEST",
    )


def around(symbol: str, at: int, price: float) -> Quote:
    """Return a trade between a bid and an ask a tenth away."""
    return (symbol, at, price, price - 0.1, price + 0.1)


def before_the_open(script: Script, **prices: float) -> None:
    """Trade each symbol at its price a minute before the open, and promise the open."""
    at = T0 - MINUTE
    script.append(quotes(at, *(around(symbol, at - SECOND, price) for symbol, price in prices.items())))
    script.append(quotes(T0, *(around(symbol, at + SECOND, price) for symbol, price in prices.items())))


def row(symbol: str, market: str = "usa") -> Capture:
    """Return the newest captured row of a symbol."""
    return Capture.objects.filter(symbol=symbol, session__market=market).order_by("-session__session_date")[0]


def outcomes() -> dict[str, str]:
    """Return the outcome of every row by symbol."""
    return dict(Capture.objects.order_by("pk").values_list("symbol", "outcome"))
