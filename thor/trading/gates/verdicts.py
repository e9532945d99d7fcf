"""Say what the gates answer: so much, or not, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

Figures = Mapping[str, str | int | float]


class Gate(StrEnum):
    """Every gate, in the order in which they are asked, by the name under which a refusal is kept."""

    SAFE_MODE = "safe_mode"
    FEED_SILENT = "feed_silent"
    EXTERNAL_POSITION = "external_position"
    INSUFFICIENT_STATE = "insufficient_state"
    ALLOCATION = "allocation"
    ADD_ON_CONFIDENCE = "add_on_confidence"
    ADD_ON_DISABLED = "add_on_disabled"
    MAX_ENTRIES = "max_entries"
    COOLDOWN = "cooldown"
    PRICE_NOT_HIGHER = "price_not_higher"
    PROTECTION = "auto_protection"
    PENDING = "pending"
    RISK_SCORE = "risk_score"
    CONSECUTIVE_LOSSES = "consecutive_losses"
    DAILY_LOSS = "daily_loss"
    TRADES_TODAY = "trades_today"
    PRICE = "price"
    SIZE = "size"
    SYMBOL_RISK = "symbol_risk"
    HEAT = "heat"
    VOLUME = "volume"
    BUYING_POWER = "buying_power"


#: Gates that say "not this one, not now"; every other one says that something is wrong, or that the desk is full.
SKIPPING: Final = frozenset(
    {Gate.ALLOCATION, Gate.ADD_ON_CONFIDENCE, Gate.MAX_ENTRIES, Gate.COOLDOWN, Gate.PRICE_NOT_HIGHER, Gate.PENDING}
)


class Decision(StrEnum):
    """What becomes of a wish to buy."""

    ENTER_NEW = "ENTER_NEW"
    SCALE_IN = "SCALE_IN"
    SKIP = "SKIP"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True)
class Approved:
    """Buy so much, and note what that puts at risk."""

    decision: Decision
    quantity: Decimal
    risk_amount: Decimal
    multiplier: Decimal
    figures: Figures


@dataclass(frozen=True, slots=True)
class Refused:
    """Do not buy: the first gate that was not passed, a sentence with the figures, and the figures by name."""

    gate: Gate
    reason: str
    figures: Figures

    @property
    def decision(self) -> Decision:
        """Tell a wish that is passed over from one that must not be carried out."""
        return Decision.SKIP if self.gate in SKIPPING else Decision.BLOCK


def refuse(gate: Gate, reason: str, **figures: Decimal | float) -> Refused:
    """Return a refusal, with what was compared."""
    return Refused(gate, reason, as_json(**figures))


def as_json(**figures: Decimal | float) -> Figures:
    """Return figures as JSON can keep them: decimals as text."""
    return {name: f"{one.normalize():f}" if isinstance(one, Decimal) else one for name, one in figures.items()}
