"""Spell symbols in one way: feeds say RT, 30YrBond or /ES; everything behind the feed's edge says RTY, ZB, ES."""

from collections.abc import Mapping

#: Spellings of sources, upper case and without blanks, to the canonical symbol.
ALIASES = {
    "RT": "RTY",
    "30YRBOND": "ZB",
    "30YRT-BOND": "ZB",
    "T-BOND": "ZB",
    "$DXY": "DX",
    "DXY": "DX",
    "USDX": "DX",
}


def canonical(symbol: str, aliases: Mapping[str, str] = ALIASES) -> str:
    """Return the one spelling of a symbol: upper case, without blanks and leading slash, aliases resolved."""
    text = "".join(symbol.split()).upper().lstrip("/")
    return aliases.get(text, text)
