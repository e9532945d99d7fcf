"""Say which symbols the desk looks at."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from django.db.models import Exists, OuterRef

from thor.env import env
from thor.marketdata.models import DailyBar, Instrument
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


def universe() -> tuple[str, ...]:
    """Return the symbols that entries are looked for in, each once: those of THOR_UNIVERSE, else the default ones."""
    return tuple(dict.fromkeys(map(canonical, env().universe))) or DEFAULT


def missing(symbols: Sequence[str], *, before: date) -> dict[str, str]:
    """Return why symbols cannot be judged at all, by symbol in their order; those that can are left out.

    It is no error: a desk trades what it has prices of.
    """
    days = DailyBar.objects.filter(instrument=OuterRef("pk"), date__lt=before)
    rows = Instrument.objects.filter(symbol__in=symbols, active=True).annotate(has_days=Exists(days))
    known = dict(rows.values_list("symbol", "has_days"))
    reasons = {None: "no active instrument is called so", False: f"it has no day before {before}; import its days"}
    return {symbol: reasons[known.get(symbol)] for symbol in symbols if not known.get(symbol)}
