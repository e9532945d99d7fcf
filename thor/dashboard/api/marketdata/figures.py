"""How figures are written: as decimals in strings, without the noughts that only tell how wide a column is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator

#: The source of figures that are made up.
SIMULATED = "SIMULATED"


def plain(value: Decimal) -> Decimal:
    """Return the same number, written without exponent and without noughts at its end."""
    return Decimal(f"{value.normalize():f}") if value else Decimal(0)


Figure = Annotated[Decimal, AfterValidator(plain)]


def of_row(row: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says under each of these names, where it has them."""
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


def simulated(*sources: str) -> bool:
    """Say whether one of the sources makes its prices up."""
    return any(source.upper() == SIMULATED for source in sources)
