"""Ask what symbols cost now, as the feeds have published it: by prices that somebody could still have.

last, not older than 15 minutes    it counts, unless bid and ask say otherwise
last outside of bid and ask        by more than 2 %: their middle counts, so that one bad print sells nothing, and a
                                   real fall, which the bid follows, does
last older than 15 minutes         the middle of a fresh bid and ask
bid and ask further apart than     they say nothing: the last price counts if it is fresh, else there is none
  10 % of the bid, or one missing
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from thor.marketdata.selectors.quotes import snapshots
from thor.trading.brokers.paper.market import STALE, Quote, read_quote

__all__ = ["STALE", "LastPrice", "Prices", "prices_of"]

#: Why a symbol has no price.
NO_QUOTE: Final = "no quote of the last 15 minutes"
GUESS: Final = "no trade of the last 15 minutes, and no bid and ask that lie within 10 % of each other"


@dataclass(frozen=True, slots=True)
class LastPrice:
    """What a symbol costs, when its quote was seen, and how old that is; a quote of after the question is new."""

    price: Decimal
    at: datetime
    age: timedelta


class Prices(dict[str, LastPrice]):
    """The prices of symbols; `left_out` tells of the other symbols why they have none."""

    def __init__(self, prices: Mapping[str, LastPrice], left_out: Mapping[str, str]) -> None:
        """Take what was found, and the reasons for what was not."""
        super().__init__(prices)
        self.left_out = dict(left_out)


def prices_of(symbols: Sequence[str], at: datetime) -> Prices:
    """Return the price of each symbol that has a quote of the 15 minutes before `at`, or a later one, and is sure."""
    seen = snapshots(symbols)
    quotes = {symbol: read_quote(seen[symbol], at) if symbol in seen else None for symbol in symbols}
    left_out = {symbol: reason for symbol, quote in quotes.items() if (reason := _why_not(quote, at))}
    prices = {
        symbol: LastPrice(quote.last, quote.at, max(at - quote.at, timedelta(0)))
        for symbol, quote in quotes.items()
        if quote is not None and symbol not in left_out
    }
    return Prices(prices, left_out)


def _why_not(quote: Quote | None, at: datetime) -> str:
    if quote is None or at - quote.at > STALE:
        return NO_QUOTE
    return GUESS if quote.is_guess else ""
