"""Say whether a position has lost so much that it is sold at once (pure).

    loss = (average price paid - price now) x quantity / the broker's equity

On the day of entry only a loss of 6 % of equity or more counts. Later a loss of 3 % or more, or a fall of 4 average
true ranges or more below the average price paid. "At" each limit counts.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from thor.trading.settings import Limits

LOSS: Final = "emergency_loss"
DROP: Final = "emergency_atr"


@dataclass(frozen=True, slots=True)
class Seen:
    """A long position as it stands; `atr` is the average true range at the last close, nothing where it is unknown."""

    entry_price: Decimal
    quantity: Decimal
    price: Decimal
    equity: Decimal
    atr: Decimal | None
    is_entry_day: bool


@dataclass(frozen=True, slots=True)
class Emergency:
    """The rule that says so, and a sentence with its figures."""

    rule: str
    reason: str


def emergency(seen: Seen, limits: "Limits") -> Emergency | None:
    """Return why a position is sold at once; nothing where it is not."""
    fall = seen.entry_price - seen.price
    most = limits.emergency_entry_day_loss_limit if seen.is_entry_day else limits.emergency_loss_limit
    # Multiplied out, so that no quotient is rounded: "at" the limit is exact.
    if fall > 0 and seen.equity > 0 and fall * seen.quantity >= most * seen.equity:
        part = fall * seen.quantity / seen.equity
        return Emergency(LOSS, f"it has lost {part:.2%} of equity; the limit is {most:.2%}")
    if seen.is_entry_day or not seen.atr or seen.atr <= 0:
        return None
    multiple = limits.emergency_atr_multiple
    if fall < multiple * seen.atr:
        return None
    said = f"at {seen.price:.2f} it is {fall:.2f} below its entry, which is {multiple:f} ATR ({seen.atr:.2f}) or more"
    return Emergency(DROP, said)
