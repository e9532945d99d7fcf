"""Find instruments by whatever people call them, and say to feeds what is traded where."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from thor.errors import ThorError
from thor.marketdata.models import Instrument
from thor.marketdata.symbols import ALIASES, canonical

if TYPE_CHECKING:
    from thor.marketdata.feeds.port import Traded


class UnknownSymbol(ThorError):
    """No instrument is called so."""


def venues_in_use() -> frozenset[str]:
    """Return the keys of the venues on which an active instrument trades."""
    return frozenset(Instrument.objects.filter(active=True).values_list("venue", flat=True))


def traded(venues: Iterable[str]) -> "dict[str, list[Traded]]":
    """Return the active instruments of these venues as feeds know them, by venue."""
    from thor.marketdata.feeds.port import Traded  # here, since it brings NumPy with it

    found: dict[str, list[Traded]] = {}
    for row in Instrument.objects.filter(active=True, venue__in=list(venues)).order_by("symbol"):
        found.setdefault(row.venue, []).append(Traded(row.symbol, float(row.tick_size), row.kind))
    return found


def known_aliases() -> dict[str, str]:
    """Return every other spelling of a symbol, in capitals and without blanks, and the symbol that it means."""
    rows = Instrument.objects.exclude(aliases=[]).values_list("symbol", "aliases")
    return ALIASES | {"".join(alias.split()).upper(): symbol for symbol, aliases in rows for alias in aliases}


def find_instrument(written: str) -> Instrument:
    """Return the instrument of this symbol, in any of its spellings; raise `UnknownSymbol`."""
    return find_instruments([written])[0]


def find_instruments(written: list[str]) -> list[Instrument]:
    """Return the instruments of these symbols in their order, each once; raise `UnknownSymbol` for the first unknown.

    The symbol itself is looked for before its other spellings: `canonical`'s, then those of the rows.
    """
    names = {text: canonical(text) for text in written}
    known = {row.symbol: row for row in Instrument.objects.filter(symbol__in={*names, *names.values()})}
    aliases = {} if known.keys() >= set(names.values()) else _by_alias()
    found = {}
    for text, symbol in names.items():
        row = known.get(text) or known.get(symbol) or aliases.get(symbol)
        if row is None:
            raise UnknownSymbol(f"{text!r} is no instrument; /api/v1/instruments and the admin list them.")
        found[row.pk] = row
    return list(found.values())


def _by_alias() -> dict[str, Instrument]:
    rows = Instrument.objects.exclude(aliases=[])
    return {canonical(alias, {}): row for row in rows for alias in row.aliases}
