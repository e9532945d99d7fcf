"""How much is bought."""

from decimal import Decimal

import pytest

from thor.trading.sizing import multiplier_of, size_of

D = Decimal
MULTIPLIERS = {1: D("0.25"), 2: D("0.50"), 3: D("0.75"), 4: D("1.00"), 5: D("1.25")}


@pytest.mark.parametrize(("confidence", "at_risk"), [(1, 250), (2, 500), (3, 750), (4, 1000), (5, 1250)])
def test_one_per_cent_of_equity_is_bought_by_confidence(confidence: int, at_risk: int) -> None:
    multiplier = multiplier_of(confidence, MULTIPLIERS)
    assert multiplier is not None

    found = size_of(equity=D(100_000), price=D(50), risk_per_trade=D("0.01"), multiplier=multiplier)

    assert (found.risk_amount, found.quantity) == (at_risk, D(at_risk) / 50)


def test_quantities_are_rounded_down_to_six_decimals() -> None:
    found = size_of(equity=D(100_000), price=D("0.6"), risk_per_trade=D("0.01"), multiplier=D(1))
    assert found.quantity == D("1666.666666")

    assert size_of(equity=D(1), price=D("9999.99"), risk_per_trade=D("0.01"), multiplier=D("0.25")).quantity == 0


@pytest.mark.parametrize(
    ("score", "by_model", "expected"),
    [
        (None, True, "1.00"),
        (0.0, True, "1.00"),
        (0.25, True, "0.75"),
        (0.25, False, "1.00"),
        (1.0, True, "0"),
        (-0.5, True, "1.00"),
        (1.5, True, "0"),
    ],
)
def test_a_model_makes_a_size_smaller_and_never_larger(score: float | None, by_model: bool, expected: str) -> None:
    assert multiplier_of(4, MULTIPLIERS, risk_score=score, by_model=by_model) == D(expected)


def test_a_confidence_that_has_no_multiplier_has_no_size() -> None:
    assert multiplier_of(0, MULTIPLIERS) is None
    assert multiplier_of(6, MULTIPLIERS, risk_score=0.1, by_model=True) is None
