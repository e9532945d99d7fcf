"""How wide figures are at rest.

Prices and volumes have eight places: enough for a satoshi, and exact on both databases for prices below ten million
(SQLite keeps 15 significant digits). Percentages have four.
"""

from typing import Any, Final

PRICE: Final[dict[str, Any]] = {"max_digits": 20, "decimal_places": 8}
VOLUME: Final[dict[str, Any]] = {"max_digits": 24, "decimal_places": 8}
PERCENT: Final[dict[str, Any]] = {"max_digits": 16, "decimal_places": 4}
