"""Ask about bars."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from thor.marketdata.models import Bar, Instrument


def bars(symbol: str, start: datetime, end: datetime) -> QuerySet[Bar]:
    """Return the bars of a symbol that start in [start, end), oldest first."""
    return Bar.objects.filter(instrument__symbol=symbol, start_at__gte=start, start_at__lt=end).order_by("start_at")


def symbols() -> list[str]:
    """Return the symbols that are watched or have bars, in the order in which they are shown."""
    has_bars = Exists(Bar.objects.filter(instrument=OuterRef("pk")))
    return list(Instrument.objects.filter(Q(active=True) | has_bars).values_list("symbol", flat=True))
