"""The kinds of columns that trading has, with the places that SQLite keeps exactly (15 digits)."""

from enum import StrEnum
from typing import Any, Final

MONEY: Final[dict[str, Any]] = {"max_digits": 18, "decimal_places": 4}
QUANTITY: Final[dict[str, Any]] = {"max_digits": 18, "decimal_places": 6}


def words(kind: type[StrEnum]) -> list[tuple[str, str]]:
    """Return the choices of a column that holds one of a set of words."""
    return [(word.value, word.value.replace("_", " ")) for word in kind]
