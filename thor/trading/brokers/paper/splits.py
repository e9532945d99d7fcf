"""Carry out splits in the books: on their date what is held is counted in new shares, and so is a quote of before it.

Dates are those of the market's zone. An order that was sent before the date is over: its quantity and its limit are of
shares that there are no more.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from thor.marketdata.models import Split
from thor.trading.brokers.paper.market import UNIT, Quote

#: Asks for the splits of symbols after one date and until another: how many new shares an old one is, by symbol.
Ratios = Callable[[Collection[str], date, date], Mapping[str, Decimal]]


def split_ratios(symbols: Collection[str], after: date, until: date) -> dict[str, Decimal]:
    """Return how many new shares an old one is by the splits in (after, until], for each symbol that had one."""
    found: dict[str, Decimal] = defaultdict(lambda: Decimal(1))
    rows = Split.objects.filter(instrument__symbol__in=symbols, date__gt=after, date__lte=until)
    with localcontext(prec=50):
        for symbol, ratio in rows.values_list("instrument__symbol", "ratio"):
            found[symbol] *= ratio
    return dict(found)


def no_splits(symbols: Collection[str], after: date, until: date) -> Mapping[str, Decimal]:
    """Return none."""
    return {}


def local_date(at: datetime, zone: str) -> date:
    """Return the date of an instant in the market's zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def in_new_shares(quotes: Mapping[str, Quote], at: datetime, zone: str, ratios: Ratios) -> dict[str, Quote]:
    """Return quotes in the shares of `at`: nobody may have traded yet since a split."""
    today, older = local_date(at, zone), defaultdict(list)
    for symbol, quote in quotes.items():
        if (day := local_date(quote.at, zone)) < today:
            older[day].append(symbol)
    found = dict(quotes)
    for day, symbols in older.items():
        for symbol, ratio in ratios(symbols, day, today).items():
            found[symbol] = _divided(quotes[symbol], ratio)
    return found


def in_units(quantity: Decimal, ratio: Decimal) -> Decimal:
    """Return a quantity in new shares; never nothing, since somebody has paid for it."""
    return max((quantity * ratio).quantize(UNIT, ROUND_HALF_UP), UNIT)


def _divided(quote: Quote, ratio: Decimal) -> Quote:
    bid, ask = (price and price / ratio for price in (quote.bid, quote.ask))
    return replace(quote, bid=bid, ask=ask, last=quote.last / ratio)
