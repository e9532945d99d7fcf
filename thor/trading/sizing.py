"""Say how much to buy: a share of the broker's equity, by how sure the strategy is (pure).

    at risk  = equity x RISK_PER_TRADE x multiplier
    quantity = at risk / price, rounded down to six decimals

What is at risk is also what the purchase costs: a plan without a stop may lose all of it. The multiplier is that of the
confidence, 0.25 to 1.25; with sizing by the model it is multiplied by 1 - P(bad), which never makes it larger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

#: The smallest part of a share that is ordered, and of the currency that is noted.
LEAST_QUANTITY: Final = Decimal("0.000001")
LEAST_MONEY: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Size:
    """How much to buy, what that puts at risk in the account's currency, and by which multiplier."""

    quantity: Decimal
    risk_amount: Decimal
    multiplier: Decimal


def multiplier_of(
    confidence: int, multipliers: Mapping[int, Decimal], *, risk_score: float | None = None, by_model: bool = False
) -> Decimal | None:
    """Return what a confidence is worth, less the share that the model thinks lost; nothing for one without a worth.

    `by_model` is for the caller to decide: ENABLE_ML_SIZING, and not under auto-protection.
    """
    worth = multipliers.get(confidence)
    if worth is None or risk_score is None or not by_model:
        return worth
    good = 1 - Decimal(repr(float(risk_score)))
    return worth * min(Decimal(1), max(Decimal(0), good))


def size_of(*, equity: Decimal, price: Decimal, risk_per_trade: Decimal, multiplier: Decimal) -> Size:
    """Return the size of a purchase at a price above zero; nothing where the account is too small for any."""
    at_risk = equity * risk_per_trade * multiplier
    quantity = (at_risk / price).quantize(LEAST_QUANTITY, ROUND_DOWN)
    return Size(quantity, at_risk.quantize(LEAST_MONEY, ROUND_DOWN), multiplier)
