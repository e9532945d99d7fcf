"""Hold the rules with a model against the rules alone, and say whether the model is worth it (pure).

A filter is judged on trades that its model was not made of. It leaves out every trade with a risk score over 0.5, as
the gate of entries does. Returns are fractions of what was paid: an expectancy of 0.001 is 0.1 % a trade.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pstdev
from typing import Any, Final

from thor.trading.gates import HIGHEST_RISK_SCORE

LEAST_EXPECTANCY_GAIN: Final = 0.001
LEAST_BAD_AVOIDED: Final = 1
LEAST_WIN_RATE_GAIN: Final = 0.0
#: Gains are compared to so many decimals, so that 0.001 in binary is not a little less than 0.001.
_DECIMALS: Final = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trade: its return as a fraction, whether it counts as bad, and what the model said of it."""

    gain: float
    is_bad: bool
    score: float


@dataclass(frozen=True, slots=True)
class Record:
    """What a set of trades came to. `drawdown` is the deepest fall of the sum of returns, 0 or below."""

    trades: int
    bad: int
    good: int
    win_rate: float
    expectancy: float
    deviation: float
    worst: float
    best: float
    drawdown: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rules alone, the rules with the model, and what is better with it: positive is better."""

    rules: Record
    filtered: Record
    bad_avoided: int
    trades_filtered: int
    expectancy_gain: float
    win_rate_gain: float
    drawdown_gain: float

    def why_not_promoted(self) -> str:
        """Return why the model is not worth it; nothing where it is."""
        if not self.filtered.trades:
            return "it leaves no trade at all"
        if self.expectancy_gain < LEAST_EXPECTANCY_GAIN:
            return f"its expectancy gain of {self.expectancy_gain:.6f} is below {LEAST_EXPECTANCY_GAIN}"
        if self.bad_avoided < LEAST_BAD_AVOIDED:
            return "it avoids no bad trade"
        if self.win_rate_gain < LEAST_WIN_RATE_GAIN:
            return f"its win rate changes by {self.win_rate_gain:+.4f}"
        return ""

    def figures(self) -> dict[str, Any]:
        """Return everything by name, as it is stored."""
        return asdict(self)


def compare(outcomes: Sequence[Outcome]) -> Comparison:
    """Return how trades in the order of their entries would have gone with the model."""
    kept = [one for one in outcomes if one.score <= HIGHEST_RISK_SCORE]
    rules, filtered = _record(outcomes), _record(kept)
    return Comparison(
        rules=rules,
        filtered=filtered,
        bad_avoided=rules.bad - filtered.bad,
        trades_filtered=rules.trades - filtered.trades,
        expectancy_gain=round(filtered.expectancy - rules.expectancy, _DECIMALS),
        win_rate_gain=round(filtered.win_rate - rules.win_rate, _DECIMALS),
        drawdown_gain=round(filtered.drawdown - rules.drawdown, _DECIMALS),
    )


def _record(outcomes: Sequence[Outcome]) -> Record:
    gains = [one.gain for one in outcomes]
    if not gains:
        return Record(0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    bad = sum(one.is_bad for one in outcomes)
    return Record(
        trades=len(gains),
        bad=bad,
        good=len(gains) - bad,
        win_rate=sum(gain > 0 for gain in gains) / len(gains),
        expectancy=fmean(gains),
        deviation=pstdev(gains),
        worst=min(gains),
        best=max(gains),
        drawdown=_drawdown(gains),
    )


def _drawdown(gains: Sequence[float]) -> float:
    total = highest = deepest = 0.0
    for gain in gains:
        total += gain
        highest = max(highest, total)
        deepest = min(deepest, total - highest)
    return deepest
