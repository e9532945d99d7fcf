"""Say which names an instrument may have: each spelling, whoever uses it, leads to one instrument.

Feeds turn whatever they read into the canonical symbol at their edge. Were one spelling to lead to two instruments, the
prices of one would end up as those of the other.
"""

from collections.abc import Iterable
from typing import Final

from thor.marketdata.models import TOTAL, Instrument
from thor.marketdata.symbols import ALIASES, canonical

LONGEST: Final = 32


def spelling(text: str) -> str:
    """Return a spelling as feeds compare it: upper case, without blanks and leading slash."""
    return canonical(text, {})


def free_symbol(written: str) -> str:
    """Return the canonical symbol of a new instrument; raise ValueError with one sentence where it is taken."""
    symbol = canonical(written)
    _refuse_unusable(symbol, written)
    if symbol == TOTAL:
        raise ValueError("TOTAL is the composite of all instruments; choose another symbol.")
    if Instrument.objects.filter(symbol=symbol).exists():
        said = f"{written.strip()!r} is another spelling of {symbol}" if spelling(written) != symbol else symbol
        raise ValueError(f"{said}, which is there already; change that instrument instead.")
    owner = _owner_of(symbol, Instrument.objects.all())
    if owner is not None:
        raise ValueError(f"{symbol} is another spelling of {owner}; take it out there, or choose another symbol.")
    return symbol


def free_aliases(written: Iterable[str], symbol: str, key: int | None) -> list[str]:
    """Return the other spellings of an instrument (its key, if it has one); raise ValueError where one is taken."""
    others = Instrument.objects.exclude(pk=key)
    found = []
    for alias in dict.fromkeys(spelling(text) for text in written):
        _refuse_unusable(alias, alias)
        _refuse_taken(alias, symbol, others)
        if alias != symbol:
            found.append(alias)
    return sorted(found)


def _refuse_unusable(name: str, written: str) -> None:
    if not name or not name.isprintable() or "," in name or len(name) > LONGEST:
        raise ValueError(f"{written!r} is no symbol: write up to {LONGEST} letters, digits and signs, without commas.")


def _refuse_taken(alias: str, symbol: str, others: Iterable[Instrument]) -> None:
    if alias == TOTAL:
        raise ValueError("TOTAL is the composite of all instruments; leave it out here.")
    known = {row.symbol for row in others}
    if alias in known:
        raise ValueError(f"{alias} is an instrument of its own; leave it out here.")
    usual = ALIASES.get(alias, symbol)
    owner = usual if usual != symbol and usual in known else _owner_of(alias, others)
    if owner is not None:
        raise ValueError(f"{alias} is another spelling of {owner} already; leave it out here, or take it out there.")


def _owner_of(alias: str, rows: Iterable[Instrument]) -> str | None:
    return next((row.symbol for row in rows if alias in map(spelling, row.aliases)), None)
