"""Ask a model that is nothing but numbers: how likely is this trade a bad one?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from thor.errors import ThorError
from thor.trading.learning.examples import numbers

KIND: Final = "logistic_regression"
#: No figure of a model is larger; nor is one of what divides smaller than its inverse, so that no score overflows.
LARGEST: Final = 1e50
_LISTS: Final = ("coefficients", "mean", "scale")


class UnusableModel(ThorError):
    """What is stored as a model cannot be used as one."""


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic regression over scaled features: one coefficient, mean and scale a name, in the same order."""

    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    intercept: float

    def risk_score(self, features: Mapping[str, Any]) -> float:
        """Return the probability of a bad trade, 0 to 1; a feature that is missing counts as 0.0, as in training."""
        known = numbers(features)
        terms = (
            coefficient * (known.get(name, 0.0) - mean) / scale
            for name, coefficient, mean, scale in zip(
                self.features, self.coefficients, self.mean, self.scale, strict=True
            )
        )
        return _logistic(math.fsum(terms) + self.intercept)

    def content(self) -> dict[str, Any]:
        """Return the model as it is stored."""
        return {
            "type": KIND,
            "features": list(self.features),
            "coefficients": list(self.coefficients),
            "intercept": self.intercept,
            "mean": list(self.mean),
            "scale": list(self.scale),
        }


def read_model(content: Any) -> Model:
    """Return the model that is stored as `content`. Raises `UnusableModel` with what is wrong with it."""
    if not isinstance(content, dict) or content.get("type") != KIND:
        raise UnusableModel(f"it is not of type {KIND}; train a new one.")
    names = content.get("features")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UnusableModel("it names no features; train a new one.")
    if len(set(names)) != len(names):
        raise UnusableModel("it names a feature twice; train a new one.")
    columns = {key: _finite(content.get(key), key, len(names)) for key in _LISTS}
    if min(columns["scale"]) < 1 / LARGEST:
        raise UnusableModel("its scale has a value that is not above zero; train a new one.")
    intercept = _finite([content.get("intercept")], "intercept", 1)[0]
    return Model(tuple(names), columns["coefficients"], columns["mean"], columns["scale"], intercept)


def _finite(values: Any, key: str, count: int) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise UnusableModel(f"its {key} are not {count} numbers; train a new one.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise UnusableModel(f"its {key} have the value {value!r}, which is no number; train a new one.")
        if abs(value) > LARGEST:
            raise UnusableModel(f"its {key} have a value above {LARGEST:g}; train a new one.")
    return tuple(float(value) for value in values)


def _logistic(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without an overflow at either end."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    power = math.exp(value)
    return power / (1 + power)
