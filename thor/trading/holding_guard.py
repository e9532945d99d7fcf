"""Keep a swing desk from trading within the day: who holds for at least two days is no pattern day trader (pure).

The rules in order; the first that applies answers:

    held for more than 20 days                 sell, whatever else: max_hold_exceeded
    stop_loss, risk_manager                    sell: a rule that lessens risk is never held up
    bought today                               no: same_day_discretionary
    held for less than 2 days                  no: min_hold_not_met
    margin account below 25,000 of equity      no at three day trades in five days or more: pdt_limit_reached;
                                               no at two, since one more may make the third: pdt_limit_at_risk
    a person's own wish                        no: manual_override_disabled
    anything else                              allowed

Days are calendar days. The limits of day trades are those of FINRA's rule 4210, for accounts below 25,000 dollars.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

LONGEST_HOLD: Final = 20
SHORTEST_HOLD: Final = 2
DAY_TRADE_EQUITY: Final = Decimal(25_000)
DAY_TRADES: Final = 3


class ExitCause(StrEnum):
    """Who wants to sell."""

    STRATEGY = "strategy"
    STOP_LOSS = "stop_loss"
    RISK_MANAGER = "risk_manager"
    MANUAL_OVERRIDE = "manual_override"


class HoldReason(StrEnum):
    """Why the guard answers as it does."""

    SAME_DAY_DISCRETIONARY = "same_day_discretionary"
    MIN_HOLD_NOT_MET = "min_hold_not_met"
    PDT_LIMIT_REACHED = "pdt_limit_reached"
    PDT_LIMIT_AT_RISK = "pdt_limit_at_risk"
    MANUAL_OVERRIDE_DISABLED = "manual_override_disabled"
    MAX_HOLD_EXCEEDED = "max_hold_exceeded"
    ALLOWED = "allowed"


#: Causes that lessen risk: they are never held up.
RISK_REDUCING: Final = frozenset({ExitCause.STOP_LOSS, ExitCause.RISK_MANAGER})
#: Answers that let the sale pass.
PASSING: Final = frozenset({HoldReason.ALLOWED, HoldReason.MAX_HOLD_EXCEEDED})


@dataclass(frozen=True, slots=True)
class AccountOfDay:
    """What the rules of day trading look at: equity, whether it is a margin account, day trades in five days."""

    equity: Decimal
    is_margin: bool
    day_trades: int


@dataclass(frozen=True, slots=True)
class HoldVerdict:
    """Whether a position may be sold on a day, and by which rule."""

    reason: HoldReason

    @property
    def is_allowed(self) -> bool:
        """Tell whether the sale may pass."""
        return self.reason in PASSING


def judge_exit(*, entry_date: date, on: date, cause: ExitCause, account: AccountOfDay) -> HoldVerdict:
    """Say whether a position may be sold on a day."""
    held = (on - entry_date).days
    if held > LONGEST_HOLD:
        return HoldVerdict(HoldReason.MAX_HOLD_EXCEEDED)
    if cause in RISK_REDUCING:
        return HoldVerdict(HoldReason.ALLOWED)
    return HoldVerdict(_too_early(held) or _day_trading(account) or _by_hand(cause) or HoldReason.ALLOWED)


def _too_early(held: int) -> HoldReason | None:
    if held <= 0:
        return HoldReason.SAME_DAY_DISCRETIONARY
    return HoldReason.MIN_HOLD_NOT_MET if held < SHORTEST_HOLD else None


def _day_trading(account: AccountOfDay) -> HoldReason | None:
    if not account.is_margin or account.equity >= DAY_TRADE_EQUITY:
        return None
    if account.day_trades >= DAY_TRADES:
        return HoldReason.PDT_LIMIT_REACHED
    return HoldReason.PDT_LIMIT_AT_RISK if account.day_trades == DAY_TRADES - 1 else None


def _by_hand(cause: ExitCause) -> HoldReason | None:
    return HoldReason.MANUAL_OVERRIDE_DISABLED if cause is ExitCause.MANUAL_OVERRIDE else None
