"""What is learned from, told apart, computed and judged: the parts of learning that need no database."""

import hashlib
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from thor.trading.learning.evaluation import Comparison, Outcome, compare
from thor.trading.learning.examples import excursions, is_bad, numbers
from thor.trading.learning.fingerprint import fingerprint
from thor.trading.learning.model import Model, UnusableModel, read_model
from thor.trading.learning.training import train, why_not_train
from thor.trading.models import Example

D = Decimal


@dataclass
class Row:
    symbol: str
    entry_price: Decimal
    exit_price: Decimal
    decision_timestamp: datetime
    exit_timestamp: datetime


AAPL = Row(
    "AAPL", D("50"), D("55.0000"), datetime(2026, 3, 2, 20, 40, tzinfo=UTC), datetime(2026, 3, 9, 14, 36, tzinfo=UTC)
)
MSFT = Row(
    "MSFT", D("400.25"), D("396"), datetime(2026, 3, 3, 20, 40, tzinfo=UTC), datetime(2026, 3, 12, 13, 36, tzinfo=UTC)
)
#: What `printf` and `sha256sum` make of the text in the docstring of `fingerprint`, and of `count=0`.
OF_BOTH = "f40d9efd98e2add58bcc8045ffd7ad91f84168501da858a6ca8962f38d29700d"
OF_NONE = "f1ecae25fed438f65846e171f8f83be5ff57f9a0830306f6105c854268186195"


def test_a_fingerprint_is_the_hash_of_a_count_and_of_the_trades_by_entry() -> None:
    assert fingerprint([AAPL, MSFT]) == OF_BOTH
    assert fingerprint([]) == OF_NONE == hashlib.sha256(b"count=0").hexdigest()


def test_neither_order_nor_places_nor_zones_make_another_fingerprint() -> None:
    new_york = timezone(timedelta(hours=-5))
    same = replace(
        AAPL, entry_price=D("50.0000"), exit_price=D("55"), exit_timestamp=AAPL.exit_timestamp.astimezone(new_york)
    )

    assert fingerprint([MSFT, same]) == OF_BOTH


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "GOOG"},
        {"entry_price": D("50.0001")},
        {"exit_price": D("55.0001")},
        {"decision_timestamp": AAPL.decision_timestamp + timedelta(microseconds=1)},
        {"exit_timestamp": AAPL.exit_timestamp + timedelta(microseconds=1)},
    ],
)
def test_any_other_trade_makes_another_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint([replace(AAPL, **change), MSFT]) != OF_BOTH


@pytest.mark.parametrize(
    ("pnl", "mae", "bad"),
    [(0.0, 0.0, False), (-0.01, 0.0, True), (5.0, -3.0, False), (5.0, -3.01, True), (5.0, 3.01, True)],
)
def test_a_loss_or_three_per_cent_under_water_is_bad(pnl: float, mae: float, bad: bool) -> None:
    assert is_bad(Example(realized_pnl_pct=pnl, mae_pct=mae)) is bad


@pytest.mark.parametrize(
    ("lowest", "highest", "exit_price", "expected"),
    [
        ("95", "110", "105", (-5.0, 10.0)),
        ("101", "110", "105", (0.0, 10.0)),
        ("95", "99", "98", (-5.0, 0.0)),
        (None, None, "90", (-10.0, 0.0)),
        ("98", "104", "112", (-2.0, 12.0)),
    ],
)
def test_excursions_are_signed_percentages_of_the_entry(
    lowest: str | None, highest: str | None, exit_price: str, expected: tuple[float, float]
) -> None:
    found = excursions(D(100), D(lowest) if lowest else None, D(highest) if highest else None, D(exit_price))

    assert found == expected


def test_only_numbers_are_features() -> None:
    seen = {"rsi_14": 55, "atr_pct": 0.02, "name": "x", "flag": True, "none": None, "nan": math.nan, "inf": math.inf}

    assert numbers(seen) == {"rsi_14": 55.0, "atr_pct": 0.02}


MODEL = Model(("a", "b"), (2.0, -1.0), (1.0, 10.0), (0.5, 4.0), 0.25)


def test_a_score_is_the_logistic_of_scaled_features() -> None:
    # 2 * (2 - 1) / 0.5 - 1 * (6 - 10) / 4 + 0.25 = 5.25
    assert MODEL.risk_score({"a": 2, "b": 6.0, "unknown": 99}) == pytest.approx(1 / (1 + math.exp(-5.25)), abs=1e-15)


def test_a_missing_feature_counts_as_zero() -> None:
    assert MODEL.risk_score({"b": 6.0}) == MODEL.risk_score({"a": 0.0, "b": 6.0})
    assert MODEL.risk_score({}) == MODEL.risk_score({"a": math.nan, "b": None})


def test_the_farthest_features_overflow_nothing() -> None:
    assert MODEL.risk_score({"a": 1e300, "b": 10.0}) == 1.0
    assert MODEL.risk_score({"a": -1e300, "b": 10.0}) == 0.0


def test_a_model_is_read_as_it_was_stored() -> None:
    assert read_model(MODEL.content()) == MODEL


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"type": "pickle"}, "it is not of type logistic_regression"),
        ({"features": []}, "it names no features"),
        ({"features": ["a", 1]}, "it names no features"),
        ({"features": ["a", "a"]}, "it names a feature twice"),
        ({"coefficients": [1.0]}, "its coefficients are not 2 numbers"),
        ({"mean": [1.0, "2"]}, "its mean have the value '2', which is no number"),
        ({"mean": None}, "its mean are not 2 numbers"),
        ({"scale": [1.0, math.nan]}, "its scale have the value nan, which is no number"),
        ({"scale": [1.0, 0.0]}, "its scale has a value that is not above zero"),
        ({"scale": [1.0, 1e-308]}, "its scale has a value that is not above zero"),
        ({"mean": [1.0, 1e308]}, "its mean have a value above 1e+50"),
        ({"mean": [1.0, math.inf]}, "its mean have a value above 1e+50"),
        ({"intercept": 10**400}, "its intercept have a value above 1e+50"),
        ({"intercept": None}, "its intercept have the value None, which is no number"),
    ],
)
def test_what_is_no_model_is_refused_with_what_is_wrong(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnusableModel) as caught:
        read_model({**MODEL.content(), **change})

    assert str(caught.value) == f"{sentence}; train a new one."


def test_text_is_no_model() -> None:
    with pytest.raises(UnusableModel):
        read_model("model")


def outcomes(*pairs: tuple[float, float]) -> Comparison:
    return compare([Outcome(gain, gain < 0, score) for gain, score in pairs])


def test_a_filter_leaves_out_what_is_riskier_than_one_half() -> None:
    found = outcomes((0.02, 0.1), (-0.04, 0.9), (0.01, 0.5), (-0.01, 0.50001))

    assert (found.rules.trades, found.rules.bad, found.rules.good, found.rules.win_rate) == (4, 2, 2, 0.5)
    assert (found.filtered.trades, found.filtered.bad, found.filtered.win_rate) == (2, 0, 1.0)
    assert (found.bad_avoided, found.trades_filtered, found.win_rate_gain) == (2, 2, 0.5)
    assert found.expectancy_gain == pytest.approx(0.015 + 0.005)
    assert found.rules.deviation == pytest.approx(math.sqrt(0.0021 / 4))
    assert (found.rules.worst, found.rules.best) == (-0.04, 0.02)
    assert found.rules.drawdown == pytest.approx(-0.04)
    assert found.drawdown_gain == pytest.approx(0.04)
    assert found.why_not_promoted() == ""


@pytest.mark.parametrize(
    ("gain", "refusal"), [(0.001, ""), (0.000999, "its expectancy gain of 0.000999 is below 0.001")]
)
def test_a_model_is_promoted_for_a_tenth_of_a_percent_a_trade(gain: float, refusal: str) -> None:
    # of two trades the worse one goes: the mean rises by half of the distance between them
    found = compare([Outcome(0.01, False, 0.2), Outcome(0.01 - 2 * gain, True, 0.8)])

    assert found.why_not_promoted() == refusal


def test_a_model_that_avoids_no_bad_trade_is_not_promoted() -> None:
    found = outcomes((0.03, 0.2), (0.01, 0.9))

    assert found.why_not_promoted() == "it avoids no bad trade"


def test_a_model_that_lowers_the_win_rate_is_not_promoted() -> None:
    # a bad trade that won in the end goes, and with it a share of the winners
    found = compare([Outcome(0.05, False, 0.1), Outcome(-0.01, True, 0.1), Outcome(0.001, True, 0.9)])

    assert found.expectancy_gain > 0.001
    assert found.why_not_promoted() == "its win rate changes by -0.1667"


def test_a_model_that_leaves_no_trade_is_not_promoted() -> None:
    assert outcomes((-0.02, 0.9), (-0.03, 0.8)).why_not_promoted() == "it leaves no trade at all"


def rows(count: int, bad: int, *, features: int | None = None) -> list[Example]:
    """Return examples of which the last `bad` lost, and the first `features` (all without it) have features."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Example(
            symbol=f"S{place:03}", decision_timestamp=start + timedelta(days=place), mae_pct=-1.0,
            realized_pnl_pct=-2.0 if place >= count - bad else 2.0,
            rule_features={"a": float(place), f"b{place % 2}": 1.0} if features is None or place < features else {},
        )
        for place in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("examples", "reason"),
    [
        (rows(19, 8), "19 finished trades; training takes 20"),
        (rows(20, 8), ""),
        (rows(20, 18, features=4), "4 finished trades have the features of their entry; training takes 5"),
        (rows(20, 18, features=5), "5 trades, 3 of them bad, cannot be split with some of both kinds on either side"),
        (rows(20, 18, features=6), ""),
        (rows(20, 0), "all 20 trades are good, so there is nothing to tell apart"),
        (rows(20, 20), "all 20 trades are bad, so there is nothing to tell apart"),
        (rows(20, 1), "20 trades, 1 of them bad, cannot be split with some of both kinds on either side"),
        (rows(20, 2), ""),
    ],
)
def test_what_cannot_be_trained_on_is_said(examples: list[Example], reason: str) -> None:
    assert why_not_train(examples) == reason
    if not reason:
        train(examples)


def test_a_fifth_is_held_out_with_its_share_of_bad_ones_whatever_the_order_of_the_rows() -> None:
    examples = rows(50, 20)

    found = train(examples)

    assert found.counts == {"rows": 50, "train_rows": 40, "test_rows": 10, "bad": 20, "good": 30}
    assert (found.comparison.rules.trades, found.comparison.rules.bad) == (10, 4)
    assert found.model.features == ("a", "b0", "b1")
    assert found == train(examples[::-1])


def test_a_score_equals_what_scikit_learn_says() -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(7)
    table = random.normal(size=(200, 4)) * [1, 100, 1e6, 0.01] + [0, 50, 1e7, 0.02]
    bad = (table[:, 0] + random.normal(size=200)) > 0
    names = ["a", "b", "c", "d"]
    examples = rows(200, 0)
    for row, values, lost in zip(examples, table, bad, strict=True):
        row.rule_features = dict(zip(names, map(float, values), strict=True))
        row.realized_pnl_pct = -1.0 if lost else 1.0

    model = train(examples).model

    fit, _ = train_test_split(range(200), test_size=0.2, random_state=42, stratify=bad.astype(int))
    scaler = StandardScaler().fit(table[fit])
    known = LogisticRegression(max_iter=1000, random_state=42).fit(scaler.transform(table[fit]), bad[fit].astype(int))
    wanted = known.predict_proba(scaler.transform(table))[:, 1]
    found = [model.risk_score(row.rule_features) for row in examples]
    assert float(np.max(np.abs(np.array(found) - wanted))) < 1e-12
    assert float(np.ptp(wanted)) > 0.5
