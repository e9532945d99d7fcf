"""The instruments in the box: eleven futures, six US equities and one coin, installed once and never overwritten.

Tick sizes, tick values, thresholds and weights of the futures are those of the original system. A row that an operator
edits keeps the edit, also across later migrates; a row that an operator deletes comes back with the next migrate
(to stop watching an instrument, clear its `active`).
"""

from dataclasses import dataclass
from typing import Any

from thor.marketdata.models import Instrument, Target
from thor.marketdata.symbols import ALIASES


@dataclass(frozen=True, slots=True)
class Future:
    """One line of the futures table; thresholds in points of net change, weight as in the composite."""

    symbol: str
    name: str
    tick_size: str
    tick_value: str
    decimals: int
    strong: str
    plain: str
    weight: str
    inverted: bool = False


FUTURES = (
    Future("YM", "E-mini Dow", "1", "5", 0, "60", "10", "60"),
    Future("ES", "E-mini S&P 500", "0.25", "12.5", 2, "6", "1", "6"),
    Future("NQ", "E-mini Nasdaq-100", "0.25", "5", 2, "15", "2.5", "15"),
    Future("RTY", "E-mini Russell 2000", "0.1", "5", 2, "15", "2.5", "15"),
    Future("CL", "Crude oil", "0.01", "10", 2, "0.3", "0.05", "0.3"),
    Future("SI", "Silver", "0.005", "25", 3, "0.06", "0.01", "0.06"),
    Future("HG", "Copper", "0.0005", "12.5", 4, "0.012", "0.002", "0.012"),
    Future("GC", "Gold", "0.1", "10", 2, "3", "0.5", "3", inverted=True),
    Future("VX", "VIX future", "0.05", "50", 2, "0.05", "0.03", "0.1", inverted=True),
    Future("DX", "US Dollar index", "0.005", "5", 3, "30", "5", "30", inverted=True),
    Future("ZB", "30-year T-bond", "0.03125", "31.25", 5, "30", "5", "30", inverted=True),
)

#: Distance of target and stop from the entry; futures that are not named have the usual one.
TARGETS = {"YM": ("points", "200"), "ES": ("points", "25"), "NQ": ("percent", "0.5"), "SI": ("points", "0.5")}
USUAL_TARGET = ("percent", "0.5")

EQUITIES = {
    "SPY": "SPDR S&P 500 ETF",
    "QQQ": "Invesco QQQ Trust",
    "AAPL": "Apple",
    "IBM": "IBM",
    "BAC": "Bank of America",
    "AIG": "American International Group",
}


def install_instruments(*, using: str = "default") -> int:
    """Add the instruments in the box that are not there yet; return how many were added."""
    present = set(Instrument.objects.using(using).values_list("symbol", flat=True))
    missing = [row for row in in_the_box() if row["symbol"] not in present]
    Instrument.objects.using(using).bulk_create([Instrument(**row) for row in missing], ignore_conflicts=True)
    _install_targets({row["symbol"] for row in missing}, using)
    return len(missing)


def in_the_box() -> list[dict[str, Any]]:
    """Return the fields of every instrument in the box, in the order in which they are shown."""
    rows = [_future(future) for future in FUTURES]
    rows += [
        {"symbol": symbol, "venue": "us_equities", "kind": "equity", "name": name} for symbol, name in EQUITIES.items()
    ]
    coin = {"symbol": "BTCUSD", "venue": "crypto", "kind": "crypto", "name": "Bitcoin in US dollars"}
    return [{**row, "sort_order": place} for place, row in enumerate([*rows, coin], start=1)]


def _install_targets(symbols: set[str], using: str) -> None:
    """Give every new future its offsets; those of instruments that were there before are the operator's."""
    new = Instrument.objects.using(using).filter(symbol__in=symbols, kind="future")
    targets = [Target(instrument=row, **_offsets(row.symbol)) for row in new]
    Target.objects.using(using).bulk_create(targets, ignore_conflicts=True)


def _offsets(symbol: str) -> dict[str, str]:
    mode, offset = TARGETS.get(symbol, USUAL_TARGET)
    return {"mode": mode, "high": offset, "low": offset}


def _future(future: Future) -> dict[str, Any]:
    return {
        "symbol": future.symbol,
        "venue": "globex",
        "kind": "future",
        "name": future.name,
        "tick_size": future.tick_size,
        "tick_value": future.tick_value,
        "decimals": future.decimals,
        "aliases": sorted(alias for alias, symbol in ALIASES.items() if symbol == future.symbol),
        "strong_threshold": future.strong,
        "threshold": future.plain,
        "signal_weight": future.weight,
        "inverted": future.inverted,
        "captured": True,
        "ribbon": True,
    }
