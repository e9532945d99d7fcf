"""When entries have become worse than they were."""

import pytest

from thor.trading.protection import confidence_alerts, drift_alerts, result_alerts


@pytest.mark.parametrize(
    ("sure", "others", "expected"),
    [
        (20, 0, "confidence inflation: 20 of 20 signals are at confidence 4 or more"),
        (7, 13, "confidence inflation: 7 of 20 signals are at confidence 4 or more"),
        (6, 14, ""),  # 30 % is not over 30 %
        (2, 18, ""),  # 10 % is not below 10 %
        (1, 19, "confidence collapse: 1 of 20 signals are at confidence 4 or more"),
        (19, 0, ""),  # fewer than 20 say nothing
        (0, 19, ""),
    ],
)
def test_too_many_and_too_few_sure_signals_are_alerts(sure: int, others: int, expected: str) -> None:
    assert "".join(confidence_alerts([4] * sure + [3] * others)) == expected


def test_confidence_four_and_five_count_as_sure() -> None:
    assert confidence_alerts([4] * 3 + [5] * 3 + [3] * 14) == []
    assert len(confidence_alerts([4] * 3 + [5] * 4 + [3] * 13)) == 1


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([1.0] * 4 + [-0.5] * 6, []),  # 40 % is not below 40 %
        ([3.0] * 3 + [-0.5] * 7, ["win rate: 30% of 10 trades at confidence 4 won"]),
        ([1.0] * 5 + [-3.0] * 5, []),  # -1 % is not below -1 %
        ([1.0] * 5 + [-3.1] * 5, ["mean return: -1.05 % of 10 trades at confidence 4"]),
        ([-9.0] * 9, []),  # fewer than 10 say nothing
        ([0.0] * 10, ["win rate: 0% of 10 trades at confidence 4 won"]),
    ],
)
def test_a_tier_that_loses_is_an_alert(returns: list[float], expected: list[str]) -> None:
    assert result_alerts({4: returns}) == expected


def test_each_confidence_is_judged_by_its_own_trades() -> None:
    found = result_alerts({3: [-2.0] * 10, 5: [2.0] * 10})

    assert found == [
        "win rate: 0% of 10 trades at confidence 3 won",
        "mean return: -2.00 % of 10 trades at confidence 3",
    ]


def entries(recent: float, count: int = 250, flat: float = 0.0) -> list[dict[str, float]]:
    """Return a baseline of mean 0 and deviation 1, and 60 entries after it."""
    baseline = [{"rsi_14": 1.0 if place % 2 else -1.0, "flat": 5.0} for place in range(count)]
    return baseline + [{"rsi_14": recent, "flat": 5.0 + flat}] * 60


def test_a_feature_over_three_deviations_away_is_an_alert() -> None:
    assert drift_alerts(entries(3.0)) == []
    assert drift_alerts(entries(3.01)) == ["feature drift: rsi_14 is +3.0 deviations from its baseline"]
    assert drift_alerts(entries(-4.0)) == ["feature drift: rsi_14 is -4.0 deviations from its baseline"]


def test_drift_takes_sixty_entries_after_two_hundred_and_fifty() -> None:
    assert drift_alerts(entries(9.0, count=249)) == []
    assert len(drift_alerts(entries(9.0, count=250))) == 1


def test_only_the_two_hundred_and_fifty_before_the_recent_ones_are_the_baseline() -> None:
    long_ago = [{"rsi_14": 1000.0}] * 40

    assert drift_alerts(long_ago + entries(9.0)) == ["feature drift: rsi_14 is +9.0 deviations from its baseline"]


def test_a_feature_that_never_moved_cannot_be_measured() -> None:
    assert drift_alerts(entries(0.0, flat=1.0)) == []
