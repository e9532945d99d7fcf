"""Symbols are spelt one way behind the feed's edge."""

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
        ("USDX", "DX"),
        (" spy ", "SPY"),
        ("BRK.B", "BRK.B"),
    ],
)
def test_spellings_of_feeds_are_made_canonical(spelling: str, symbol: str) -> None:
    assert canonical(spelling) == symbol


def test_an_installation_can_add_spellings() -> None:
    assert canonical("gold", {"GOLD": "GC"}) == "GC"


def test_the_box_holds_eleven_futures_six_equities_and_a_coin() -> None:
    rows = in_the_box()

    assert [row["kind"] for row in rows] == ["future"] * 11 + ["equity"] * 6 + ["crypto"]
    assert [row["symbol"] for row in rows if row.get("inverted")] == ["GC", "VX", "DX", "ZB"]
    vx = next(row for row in rows if row["symbol"] == "VX")
    assert (vx["strong_threshold"], vx["threshold"], vx["signal_weight"], vx["tick_value"]) == (
        "0.05",
        "0.03",
        "0.1",
        "50",
    )
