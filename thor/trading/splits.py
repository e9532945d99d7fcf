"""Say what was paid for a position in the shares of today: a split must not look like a loss.

The broker changes what it holds on the day of a split, and reconciliation takes that over into the journal; feeds show
new prices from the first tick on. In between the journal still counts old shares. Which of the two a position is in is
told by its price: of what was paid and of what was paid divided by the splits since, the one that is nearer to the
price of now is meant. A split at least doubles or halves; what halves a price within twenty days besides is rare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from thor.trading.models import Position
from thor.trading.positions import unbooked_ratio


@dataclass(frozen=True, slots=True)
class Paid:
    """The average price paid and the quantity held, in the shares of a day; their product is what they always were."""

    price: Decimal
    quantity: Decimal


def paid_in_shares_of(day: date, positions: Sequence[Position], prices: Mapping[str, Decimal]) -> dict[str, Paid]:
    """Return what was paid for each position in the shares that `prices` are of."""
    return {one.symbol: _nearer(one, unbooked_ratio(one, day), prices.get(one.symbol)) for one in positions}


def _nearer(position: Position, by: Decimal, price: Decimal | None) -> Paid:
    old = Paid(position.entry_price, position.quantity)
    new = Paid(position.entry_price / by, position.quantity * by)
    if by == 1 or price is None or price <= 0 or position.entry_price <= 0:
        return old  # what somebody else got for nothing was paid for in no shares
    return min(new, old, key=lambda paid: _times(paid.price, price))


def _times(one: Decimal, other: Decimal) -> Decimal:
    """Return how many times the larger of two prices is the smaller."""
    return max(one, other) / min(one, other)
