"""`manage.py check` on the file of overrides: what can be read of it, and what it would change."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError

from thor.markets import override_file
from thor.markets.models import Market
from thor.markets.override_file import BadOverrides, Entries, Entry
from thor.markets.verdict import verdict


@register
def check_overrides(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a file of overrides that cannot be read whole, or says what no market can do."""
    path = override_file.place()
    if path is None:
        return []
    try:
        sentences = list(_faults(override_file.read(path)))
    except BadOverrides as error:
        return [Error(str(error), id="thor.markets.E001")]
    return [Error(f"{path.name}, {sentence}", id="thor.markets.E001") for sentence in sentences]


def _faults(entries: Entries) -> Iterator[str]:
    markets = _markets()
    for key, said in entries.items():
        if markets and key not in markets:
            yield f"line {said[0].line}: {key!r} is no market; there are {', '.join(markets)}."
        elif markets:
            yield from _void(markets[key], said)


def _void(market: Market, entries: Sequence[Entry]) -> Iterator[str]:
    said = [entry.override(market.zone) for entry in entries]
    for entry in entries:
        wrong = verdict(entry.override(market.zone), market.calendar, said)
        if wrong:
            yield f"line {entry.line}: {wrong[1]}"


def _markets() -> dict[str, Market]:
    """Return the markets by key; none before the first migrate, when only the text can be judged."""
    try:
        return {row.key: row for row in Market.objects.all()}
    except DatabaseError:
        return {}
