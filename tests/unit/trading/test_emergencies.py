"""When a position has lost too much: at 3 % of equity or 4 ATR; on the day of entry at 6 % alone."""

from decimal import Decimal

import pytest

from thor.trading.emergencies import DROP, LOSS, Seen, emergency
from thor.trading.settings import Limits

#: A thousand bought at 100 by an account of 100,000: each dollar of fall is one percent of equity.
EQUITY, QUANTITY, PAID = Decimal(100_000), Decimal(1000), Decimal(100)


def rule(price: str, *, atr: str | None = None, is_entry_day: bool = False, quantity: Decimal = QUANTITY) -> str:
    seen = Seen(PAID, quantity, Decimal(price), EQUITY, Decimal(atr) if atr else None, is_entry_day)
    found = emergency(seen, Limits())
    return found.rule if found else ""


@pytest.mark.parametrize(("price", "found"), [("97.01", ""), ("97", LOSS), ("96.99", LOSS), ("103", ""), ("100", "")])
def test_a_loss_of_three_percent_of_equity_is_one(price: str, found: str) -> None:
    assert rule(price) == found


@pytest.mark.parametrize(("price", "found"), [("94.01", ""), ("94", LOSS), ("93", LOSS), ("97", "")])
def test_on_the_day_of_entry_it_takes_six_percent(price: str, found: str) -> None:
    assert rule(price, is_entry_day=True) == found


@pytest.mark.parametrize(("price", "found"), [("92.01", ""), ("92.00", DROP), ("91.99", DROP)])
def test_a_fall_of_exactly_four_average_true_ranges_is_one(price: str, found: str) -> None:
    assert rule(price, atr="2", quantity=Decimal(10)) == found


def test_on_the_day_of_entry_no_fall_by_ranges_counts() -> None:
    assert rule("50", atr="2", quantity=Decimal(10), is_entry_day=True) == ""


@pytest.mark.parametrize("atr", [None, "0"])
def test_without_a_range_only_the_loss_counts(atr: str | None) -> None:
    assert rule("50", atr=atr, quantity=Decimal(10)) == ""
    assert rule("50", atr=atr) == LOSS


def test_the_reason_has_the_figures() -> None:
    seen = Seen(PAID, Decimal(10), Decimal("91.5"), EQUITY, Decimal(2), is_entry_day=False)

    found = emergency(seen, Limits())

    assert found is not None
    assert found.reason == "at 91.50 it is 8.50 below its entry, which is 4 ATR (2.00) or more"


@pytest.mark.parametrize("equity", ["0", "-1"])
def test_an_account_that_is_said_to_be_worth_nothing_makes_no_cent_an_emergency(equity: str) -> None:
    nothing = Decimal(equity)
    cent = Seen(PAID, Decimal(10), Decimal("99.99"), nothing, Decimal(2), is_entry_day=False)
    fall = Seen(PAID, Decimal(10), Decimal("91.50"), nothing, Decimal(2), is_entry_day=False)

    assert emergency(cent, Limits()) is None
    found = emergency(fall, Limits())
    assert found is not None
    assert found.rule == DROP
