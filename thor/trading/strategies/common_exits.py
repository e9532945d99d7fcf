"""End positions by the rules that hold for all of them: twenty days, the target, the average of 200 days.

The rules are asked in this order, on end-of-day data, and the first one decides. On the day of entry none is asked.
A close below an average ends a position only if it was at or above that average since it was opened: what was bought
below it is not sold for being there (docs/decisions/0008-an-average-is-lost-only-once-it-was-held.md).
"""

from datetime import date
from decimal import Decimal
from typing import Final

from thor.trading.features import Features
from thor.trading.strategies.base import LONGEST_HOLD, ExitDecision, ExitRule, Position, Strategy, Urgency

#: The gain at which a position is sold that no strategy of ours has opened.
TARGET: Final = Decimal("0.10")


def decide_exit(
    position: Position, seen: Features | None, session_date: date, strategy: Strategy | None
) -> ExitDecision | None:
    """Return why a position ends, or nothing. Without features only its age is judged.

    `strategy` is the one that opened it; a position of nobody has the common rules alone. Raises what it raises.
    """
    if position.holding_days(session_date) < 1:
        return None
    return _common_exit(position, seen, session_date, strategy) or _own_exit(position, seen, session_date, strategy)


def has_lost(position: Position, close: float, average: float, last_above: date | None) -> bool:
    """Tell whether the close is below an average that the position has been at or above since it was opened."""
    return close < average and last_above is not None and last_above >= position.entry_date


def _common_exit(
    position: Position, seen: Features | None, session_date: date, strategy: Strategy | None
) -> ExitDecision | None:
    days = position.holding_days(session_date)
    if days >= LONGEST_HOLD:
        return _decided(position, session_date, ExitRule.MAX_HOLD, f"held for {days} days", Urgency.NEXT_OPEN)
    if seen is None:
        return None
    target = strategy.limits.target if strategy else TARGET
    gain = position.gain(seen)
    if gain >= target:
        reason = f"gained {gain:.2%}, its target is {target:.0%}"
        return _decided(position, session_date, ExitRule.TARGET, reason)
    # Of 200 days the average hardly moves while a position is held, so that today's tells where it was bought.
    was_bought_above = strategy is not None and position.entry_price >= Decimal(repr(seen.sma_200))
    if has_lost(position, seen.close, seen.sma_200, position.entry_date if was_bought_above else seen.above_sma_200_on):
        reason = f"closed at {seen.close:.2f}, below its average of 200 days at {seen.sma_200:.2f}"
        return _decided(position, session_date, ExitRule.BELOW_SMA_200, reason)
    return None


def _own_exit(
    position: Position, seen: Features | None, session_date: date, strategy: Strategy | None
) -> ExitDecision | None:
    if strategy is None or seen is None:
        return None
    reason = strategy.reason_to_exit(position, seen, session_date)
    return _decided(position, session_date, ExitRule.STRATEGY, reason) if reason else None


def _decided(
    position: Position, session_date: date, rule: ExitRule, reason: str, urgency: Urgency = Urgency.EOD
) -> ExitDecision:
    return ExitDecision(
        symbol=position.symbol,
        strategy_id=position.strategy_id,
        rule=rule,
        reason=reason,
        urgency=urgency,
        session_date=session_date,
        entry_date=position.entry_date,
        holding_days=position.holding_days(session_date),
        confidence=position.confidence,
    )
