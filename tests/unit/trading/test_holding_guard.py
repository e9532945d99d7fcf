"""Which positions may be sold on a day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from thor.trading.holding_guard import AccountOfDay, ExitCause, HoldReason, judge_exit

DAY = date(2026, 3, 10)
RICH = AccountOfDay(Decimal(100_000), is_margin=True, day_trades=0)


def small(day_trades: int, equity: str = "24999.99", *, is_margin: bool = True) -> AccountOfDay:
    return AccountOfDay(Decimal(equity), is_margin, day_trades)


@pytest.mark.parametrize(
    ("held", "cause", "account", "reason", "is_allowed"),
    [
        (0, "strategy", RICH, "same_day_discretionary", False),
        (1, "strategy", RICH, "min_hold_not_met", False),
        (2, "strategy", RICH, "allowed", True),
        (20, "strategy", RICH, "allowed", True),
        (21, "strategy", RICH, "max_hold_exceeded", True),
        (0, "stop_loss", RICH, "allowed", True),
        (0, "risk_manager", RICH, "allowed", True),
        (0, "manual_override", RICH, "same_day_discretionary", False),
        (1, "manual_override", RICH, "min_hold_not_met", False),
        (2, "manual_override", RICH, "manual_override_disabled", False),
        (21, "manual_override", RICH, "max_hold_exceeded", True),
        (2, "strategy", small(1), "allowed", True),
        (2, "strategy", small(2), "pdt_limit_at_risk", False),
        (2, "strategy", small(3), "pdt_limit_reached", False),
        (2, "strategy", small(4), "pdt_limit_reached", False),
        (2, "strategy", small(3, "25000"), "allowed", True),
        (2, "strategy", small(2, "25000"), "allowed", True),
        (2, "strategy", small(3, is_margin=False), "allowed", True),
        (2, "manual_override", small(3), "pdt_limit_reached", False),
        (0, "stop_loss", small(3), "allowed", True),
        (21, "strategy", small(3), "max_hold_exceeded", True),
        (1, "strategy", small(3), "min_hold_not_met", False),
    ],
)
def test_the_first_rule_that_applies_answers(
    held: int, cause: str, account: AccountOfDay, reason: str, is_allowed: bool
) -> None:
    found = judge_exit(entry_date=DAY - timedelta(days=held), on=DAY, cause=ExitCause(cause), account=account)

    assert (found.reason, found.is_allowed) == (reason, is_allowed)


def test_the_reasons_are_those_that_the_journal_has_always_used() -> None:
    assert {str(one) for one in HoldReason} == {
        "same_day_discretionary",
        "min_hold_not_met",
        "pdt_limit_reached",
        "pdt_limit_at_risk",
        "manual_override_disabled",
        "max_hold_exceeded",
        "allowed",
    }
