"""Ask what symbols cost now, as the feeds have published it: by prices that somebody could still have.

last, not older than 15 minutes    it counts, unless bid and ask say otherwise
last outside of bid and ask        by more than 2 %: their middle counts, so that one bad print sells nothing, and a
                                   real fall, which the bid follows, does
last older than 15 minutes         the middle of a fresh bid and ask
bid and ask further apart than     they say nothing: the last price counts if it is fresh, else there is none
  10 % of the bid, or one missing
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from thor.marketdata.selectors.quotes import snapshots
from thor.trading.brokers.paper.market import STALE, read_quote

__all__ = ["STALE", "LastPrice", "prices_of"]


@dataclass(frozen=True, slots=True)
class LastPrice:
    """What a symbol costs, when its quote was seen, and how old that is; a quote of after the question is new."""

    price: Decimal
    at: datetime
    age: timedelta


def prices_of(symbols: Sequence[str], at: datetime) -> dict[str, LastPrice]:
    """Return the price of each symbol that has a quote of the 15 minutes before `at`, or a later one, and is sure."""
    found: dict[str, LastPrice] = {}
    for symbol, snapshot in snapshots(symbols).items():
        quote = read_quote(snapshot, at)
        if quote is not None and at - quote.at <= STALE and not quote.is_guess:
            found[symbol] = LastPrice(quote.last, quote.at, max(at - quote.at, timedelta(0)))
    return found
