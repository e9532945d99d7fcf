"""Sum up the world's cash markets: the global composite, and which part of the world leads.

The composite is the sum of weight × 100 over the active control markets that trade at an instant: 0 while all
sleep, 100 while all trade, with the weights of the box. Breaks and halts count as not trading.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from thor.markets.models import Market
from thor.markets.selectors import active_markets

PERCENT: Final = Decimal(100)
#: Weights have four decimals, so a composite has two.
HUNDREDTH: Final = Decimal("0.01")


class SessionPhase(StrEnum):
    """Which part of the world leads, by the hour in UTC."""

    asian = "asian"
    european = "european"
    american = "american"
    overlap = "overlap"


#: The hour of UTC at which each part of the day begins; the last lasts until midnight.
_BEGINS: Final = (
    (0, SessionPhase.asian),
    (8, SessionPhase.european),
    (14, SessionPhase.american),
    (21, SessionPhase.overlap),
)


@dataclass(frozen=True, slots=True)
class Composite:
    """The global composite at one instant.

    `markets` are the control markets that trade, in the order of lists: those whose weights are summed.
    """

    at: datetime
    value: Decimal
    session_phase: SessionPhase
    markets: tuple[Market, ...]


def global_composite(at: datetime) -> Composite:
    """Return the composite at this instant; a market whose calendar cannot be read does not trade."""
    trading = tuple(active_markets(at, role=Market.Role.CONTROL))
    value = sum((row.weight * PERCENT for row in trading), Decimal(0))
    return Composite(at, value.quantize(HUNDREDTH), session_phase(at), trading)


def session_phase(at: datetime) -> SessionPhase:
    """Return the part of the day by the hour in UTC: Asian, from 8 European, from 14 American, from 21 overlap."""
    hour = at.astimezone(UTC).hour
    return [phase for begins, phase in _BEGINS if begins <= hour][-1]
