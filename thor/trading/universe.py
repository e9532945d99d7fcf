"""Say which symbols the desk looks at."""

from collections.abc import Sequence
from typing import Final

from thor.env import env
from thor.marketdata.models import Instrument
from thor.marketdata.symbols import canonical

#: Three funds on indices and forty large companies of the United States, all of them liquid and listed for years.
DEFAULT: Final = (
    "SPY", "QQQ", "IWM",
    "AAPL", "MSFT", "AMZN", "GOOGL", "META", "NVDA", "INTC", "CSCO", "ORCL", "TXN", "IBM",
    "JPM", "BAC", "WFC", "C", "GS", "MS", "AIG",
    "JNJ", "PFE", "MRK", "ABT", "UNH",
    "PG", "KO", "PEP", "WMT", "COST", "HD", "MCD", "NKE", "DIS", "VZ",
    "XOM", "CVX", "CAT", "BA", "HON", "GE", "UPS",
)  # fmt: skip

#: On which venue the shares of a market trade; of a market that is not named every instrument counts.
SHARES: Final = {"usa": "us_equities"}


def universe() -> tuple[str, ...]:
    """Return the symbols that entries are looked for in, each once: those of THOR_UNIVERSE, else the default ones."""
    return tuple(dict.fromkeys(map(canonical, env().universe))) or DEFAULT


def shares_venue() -> str | None:
    """Return the venue on which the shares of the traded market are; nothing where no venue is known for it."""
    return SHARES.get(env().trading_market)


def elsewhere(symbols: Sequence[str]) -> dict[str, str]:
    """Return why symbols are none of the shares that are traded, by symbol: here something else is called so.

    CL is Colgate at a broker of shares and crude oil on Globex: nobody may buy the one at the prices of the other.
    """
    venue = shares_venue()
    if venue is None or not symbols:
        return {}
    rows = Instrument.objects.filter(symbol__in=symbols).exclude(venue=venue).values_list("symbol", "venue")
    others = dict(rows)
    return {
        symbol: f"what is called so here trades on {others[symbol]}, and the desk trades shares of {venue}"
        for symbol in symbols
        if symbol in others
    }
