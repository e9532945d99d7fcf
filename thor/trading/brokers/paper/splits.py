"""Carry out splits in the books: on their date what is held is counted in new shares, and so is a quote of before it.

Dates are those of the market's zone. A split that is entered late is carried out at the next settlement: what was
traded on its date and since then was in new shares already, so only what is left from before is multiplied. An order
that was sent before the date is over: its quantity and its limit are of shares that there are no more.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from thor.marketdata.adjust import SplitOf, divisor
from thor.marketdata.models import Split
from thor.trading.brokers.paper.market import UNIT, Quote

#: Asks for the splits of symbols after one date and until another, by symbol, oldest first; one without is left out.
Splits = Callable[[Collection[str], date, date], Mapping[str, Sequence[SplitOf]]]


def splits_between(symbols: Collection[str], after: date, until: date) -> dict[str, list[SplitOf]]:
    """Return the splits in (after, until] of each symbol that had one, oldest first."""
    found: dict[str, list[SplitOf]] = defaultdict(list)
    rows = Split.objects.filter(instrument__symbol__in=symbols, date__gt=after, date__lte=until).order_by("date")
    for symbol, day, ratio in rows.values_list("instrument__symbol", "date", "ratio"):
        found[symbol].append((day, ratio))
    return dict(found)


def no_splits(symbols: Collection[str], after: date, until: date) -> Mapping[str, Sequence[SplitOf]]:
    """Return none."""
    return {}


def local_date(at: datetime, zone: str) -> date:
    """Return the date of an instant in the market's zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """Return when a date begins in the market's zone."""
    return datetime.combine(day, time(), ZoneInfo(zone))


def in_new_shares(quotes: Mapping[str, Quote], at: datetime, zone: str, splits: Splits) -> dict[str, Quote]:
    """Return quotes in the shares of `at`: nobody may have traded yet since a split."""
    today, found = local_date(at, zone), dict(quotes)
    days = {symbol: local_date(quote.at, zone) for symbol, quote in quotes.items()}
    older = [symbol for symbol, day in days.items() if day < today]
    if older:
        for symbol, known in splits(older, min(days.values()), today).items():
            found[symbol] = _divided(quotes[symbol], divisor(known, days[symbol], today))
    return found


def after_split(
    quantity: Decimal, traded: Iterable[tuple[date, Decimal]], split: SplitOf, known: Iterable[SplitOf]
) -> Decimal:
    """Return a quantity once a split is carried out; never nothing, since somebody has paid for it.

    `traded` is what was bought (and less than nothing what was sold) on the split's date and since then, as it was
    traded; `known` are the splits that are in the quantity already, so also in what was traded before them.
    """
    known = list(known)
    with localcontext(prec=50):
        new = sum((one * divisor(known, day, date.max) for day, one in traded), Decimal(0))
        found = (quantity - new) * split[1] + new
        return max(found.quantize(UNIT, ROUND_HALF_UP), UNIT)


def _divided(quote: Quote, ratio: Decimal) -> Quote:
    bid, ask = (price and price / ratio for price in (quote.bid, quote.ask))
    return replace(quote, bid=bid, ask=ask, last=quote.last / ratio)
