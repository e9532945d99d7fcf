"""Train a model: examples in, plain numbers out. scikit-learn is imported while this is done, and nowhere else.

Features are the sorted union of all names, missing ones 0.0. A fifth of the rows is held out, with as large a share of
bad ones as the rest (seed 42); the others are scaled to mean 0 and deviation 1, and a logistic regression is fitted in
at most 1,000 steps. The model that is kept is the one that was evaluated: what was held out is not added to it later.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from thor.errors import ThorError
from thor.trading.learning.evaluation import Comparison, Outcome, compare
from thor.trading.learning.examples import is_bad
from thor.trading.learning.model import Model
from thor.trading.models import Example

LEAST_ROWS: Final = 20
LEAST_EXTRACTED: Final = 5
SEED: Final = 42
HELD_OUT: Final = 0.2
STEPS: Final = 1_000


class CannotTrain(ThorError):
    """There is nothing to train on, or nothing to train with."""


@dataclass(frozen=True, slots=True)
class Training:
    """A model, how often it was right, on how many rows it was made and tested, and how it did against the rules."""

    model: Model
    comparison: Comparison
    counts: dict[str, int]
    train_accuracy: float
    test_accuracy: float

    def metrics(self) -> dict[str, Any]:
        """Return what is stored beside the model."""
        accuracies = {"train_accuracy": self.train_accuracy, "test_accuracy": self.test_accuracy}
        return {**accuracies, **self.counts, "evaluation": self.comparison.figures()}


def is_available() -> bool:
    """Tell whether scikit-learn is installed, without importing it."""
    try:
        return find_spec("sklearn") is not None
    except (ImportError, ValueError):  # something keeps it away
        return False


def why_not_train(rows: Sequence[Example]) -> str:
    """Return why these examples cannot be trained on; nothing where they can."""
    if len(rows) < LEAST_ROWS:
        return f"{len(rows)} finished trades; training takes {LEAST_ROWS}"
    usable = _usable(rows)
    if len(usable) < LEAST_EXTRACTED:
        return f"{len(usable)} finished trades have the features of their entry; training takes {LEAST_EXTRACTED}"
    bad = sum(is_bad(row) for row in usable)
    fewer = min(bad, len(usable) - bad)
    if fewer == 0:
        return f"all {len(usable)} trades are {'bad' if bad else 'good'}, so there is nothing to tell apart"
    if fewer < 2 or math.ceil(len(usable) * HELD_OUT) < 2:
        return f"{len(usable)} trades, {bad} of them bad, cannot be split with some of both kinds on either side"
    return ""


def train(rows: Sequence[Example]) -> Training:
    """Train on examples that `why_not_train` has nothing against. Raises `CannotTrain` without scikit-learn."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise CannotTrain(f"scikit-learn cannot be imported ({error}); install it to train models.") from error

    usable = _usable(rows)
    names = sorted({name for row in usable for name in row.rule_features})
    columns = [[float(row.rule_features.get(name, 0.0)) for name in names] for row in usable]
    labels = [int(is_bad(row)) for row in usable]
    fit, test = train_test_split(range(len(usable)), test_size=HELD_OUT, random_state=SEED, stratify=labels)
    scaler = StandardScaler().fit([columns[place] for place in fit])
    regression = LogisticRegression(max_iter=STEPS, random_state=SEED)
    regression.fit(scaler.transform([columns[place] for place in fit]), [labels[place] for place in fit])
    model = Model(
        features=tuple(names),
        coefficients=tuple(map(float, regression.coef_[0])),
        mean=tuple(map(float, scaler.mean_)),
        scale=tuple(map(float, scaler.scale_)),
        intercept=float(regression.intercept_[0]),
    )
    return _judged(model, [usable[place] for place in sorted(fit)], [usable[place] for place in sorted(test)])


def _judged(model: Model, fit: Sequence[Example], test: Sequence[Example]) -> Training:
    rows = [*fit, *test]
    bad = sum(is_bad(row) for row in rows)
    counts = {"rows": len(rows), "train_rows": len(fit), "test_rows": len(test), "bad": bad, "good": len(rows) - bad}
    held_out = [Outcome(row.realized_pnl_pct / 100, is_bad(row), model.risk_score(row.rule_features)) for row in test]
    return Training(model, compare(held_out), counts, _accuracy(model, fit), _accuracy(model, test))


def _accuracy(model: Model, rows: Sequence[Example]) -> float:
    right = sum((model.risk_score(row.rule_features) > 0.5) == is_bad(row) for row in rows)
    return right / len(rows)


def _usable(rows: Sequence[Example]) -> list[Example]:
    """Return the rows with features, in the order of their entries: a split by seed depends on the order."""
    found = [row for row in rows if row.rule_features]
    return sorted(found, key=lambda row: (row.decision_timestamp, row.symbol))
