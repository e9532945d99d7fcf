"""Symbols are spelt one way behind the feed's edge."""

from decimal import Decimal

import pytest

from thor.marketdata.catalogue import in_the_box
from thor.marketdata.symbols import canonical


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("/ES", "ES"),
        ("rt", "RTY"),
        ("30YrBond", "ZB"),
        ("30Yr T-BOND", "ZB"),
        ("$DXY", "DX"),
        ("DXY", "DX"),
        ("USDX", "DX"),
        ("T-BOND", "ZB"),
        (" spy ", "SPY"),
        ("BRK.B", "BRK.B"),
    ],
)
def test_spellings_of_feeds_are_made_canonical(spelling: str, symbol: str) -> None:
    assert canonical(spelling) == symbol


def test_an_installation_can_add_spellings() -> None:
    assert canonical("gold", {"GOLD": "GC"}) == "GC"


@pytest.mark.parametrize(
    ("symbol", "tick_size", "tick_value", "decimals", "strong", "plain", "weight", "inverted"),
    [
        ("YM", "1", "5", 0, "60", "10", "60", False),
        ("ES", "0.25", "12.50", 2, "6", "1", "6", False),
        ("NQ", "0.25", "5", 2, "15", "2.5", "15", False),
        ("RTY", "0.10", "5", 2, "15", "2.5", "15", False),
        ("CL", "0.01", "10", 2, "0.3", "0.05", "0.3", False),
        ("SI", "0.005", "25", 3, "0.06", "0.01", "0.06", False),
        ("HG", "0.0005", "12.50", 4, "0.012", "0.002", "0.012", False),
        ("GC", "0.10", "10", 2, "3", "0.5", "3", True),
        ("VX", "0.05", "50", 2, "0.05", "0.03", "0.1", True),
        ("DX", "0.005", "5", 3, "30", "5", "30", True),
        ("ZB", "0.03125", "31.25", 5, "30", "5", "30", True),
    ],
)
def test_each_future_in_the_box_has_its_own_figures(
    symbol: str, tick_size: str, tick_value: str, decimals: int, strong: str, plain: str, weight: str, inverted: bool
) -> None:
    row = next(row for row in in_the_box() if row["symbol"] == symbol)

    names = ("tick_size", "tick_value", "strong_threshold", "threshold", "signal_weight")
    figures = [Decimal(row[name]) for name in names]
    assert figures == [Decimal(figure) for figure in (tick_size, tick_value, strong, plain, weight)]
    assert (row["decimals"], row["inverted"]) == (decimals, inverted)
    assert (row["kind"], row["venue"], row["captured"], row["ribbon"]) == ("future", "globex", True, True)


def test_the_box_holds_eleven_futures_six_equities_and_a_coin() -> None:
    rows = in_the_box()

    assert [row["kind"] for row in rows] == ["future"] * 11 + ["equity"] * 6 + ["crypto"]
    assert [row["symbol"] for row in rows if row.get("inverted")] == ["GC", "VX", "DX", "ZB"]
