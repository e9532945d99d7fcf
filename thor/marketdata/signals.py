"""Say what a net change against the previous close signals, and what all instruments signal together (pure).

The thresholds of an instrument are points of net change. Its signal weighs from +2 (strong buy) to -2 (strong sell),
turned round for safe havens, whose rise is a fall of the composite. An instrument without a net change, or without its
thresholds, gives no signal: it weighs nothing, but is counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from thor.marketdata.models.capture import Signal

_WEIGHTS: Final = {
    Signal.STRONG_BUY: 2,
    Signal.BUY: 1,
    Signal.HOLD: 0,
    Signal.SELL: -1,
    Signal.STRONG_SELL: -2,
}
#: Signals on which a trade is entered at the ask, and at the bid.
LONG: Final = frozenset({Signal.STRONG_BUY, Signal.BUY})
SHORT: Final = frozenset({Signal.STRONG_SELL, Signal.SELL})
#: The sum of all signal weights beyond which the composite is strong, and plain.
STRONG_SUM: Final = 9
PLAIN_SUM: Final = 3
#: The weight in the composite of an instrument for which nobody has entered one.
USUAL_WEIGHT: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one instrument says.

    `signal` is None where nothing can be said. `stat` is the threshold that was passed, with its sign: what the
    composite averages. `weight` is the weight of the signal, `contract_weight` that of the instrument.
    """

    signal: Signal | None
    stat: Decimal | None
    weight: int
    contract_weight: Decimal = USUAL_WEIGHT


@dataclass(frozen=True, slots=True)
class Composite:
    """What all instruments say together.

    `weighted_sum` has two places, `weighted_average` three (None where all weights are zero), `weight_sum` is the sum
    of the signals' weights, `count` the number of instruments, with a signal or without.
    """

    signal: Signal | None
    weighted_sum: Decimal
    weighted_average: Decimal | None
    weight_sum: int
    count: int


def read(
    change: Decimal | None,
    *,
    threshold: Decimal | None,
    strong_threshold: Decimal | None,
    contract_weight: Decimal | None = None,
    inverted: bool = False,
) -> Reading:
    """Return what a net change says of an instrument with these thresholds."""
    known = USUAL_WEIGHT if contract_weight is None else contract_weight
    signal = classify(change, threshold=threshold, strong_threshold=strong_threshold)
    if signal is None or threshold is None or strong_threshold is None:
        return Reading(None, None, 0, known)
    stats = {Signal.STRONG_BUY: strong_threshold, Signal.BUY: threshold, Signal.HOLD: Decimal(0)}
    stats |= {Signal.SELL: -threshold, Signal.STRONG_SELL: -strong_threshold}
    return Reading(signal, stats[signal], signal_weight(signal, inverted=inverted), known)


def classify(change: Decimal | None, *, threshold: Decimal | None, strong_threshold: Decimal | None) -> Signal | None:
    """Return the signal of a net change; None without a change or without both thresholds.

    On the way up a threshold has to be passed; on the way down the plain one has to be passed, the strong one reached.
    """
    if change is None or threshold is None or strong_threshold is None:
        return None
    if change > strong_threshold:
        return Signal.STRONG_BUY
    if change > threshold:
        return Signal.BUY
    if change >= -threshold:
        return Signal.HOLD
    return Signal.SELL if change > -strong_threshold else Signal.STRONG_SELL


def signal_weight(signal: Signal, *, inverted: bool = False) -> int:
    """Return the weight of a signal, +2 to -2; of a safe haven it is turned round."""
    return -_WEIGHTS[signal] if inverted else _WEIGHTS[signal]


def composite(readings: Iterable[Reading]) -> Composite:
    """Return what all instruments say together; no signal where none of them says anything."""
    rows = list(readings)
    stated = [(row.stat, row.contract_weight) for row in rows if row.stat is not None]
    total = sum((stat * weight for stat, weight in stated), Decimal(0))
    base = sum((abs(weight) for _, weight in stated), Decimal(0))
    weight_sum = sum(row.weight for row in rows)
    return Composite(
        signal=of_weight_sum(weight_sum) if stated else None,
        weighted_sum=_rounded(total, "0.01"),
        weighted_average=_rounded(total / base, "0.001") if base else None,
        weight_sum=weight_sum,
        count=len(rows),
    )


def of_weight_sum(weight_sum: int) -> Signal:
    """Return the signal of the composite by the sum of all signal weights."""
    if weight_sum > STRONG_SUM:
        return Signal.STRONG_BUY
    if weight_sum > PLAIN_SUM:
        return Signal.BUY
    if weight_sum >= -PLAIN_SUM:
        return Signal.HOLD
    return Signal.SELL if weight_sum >= -STRONG_SUM else Signal.STRONG_SELL


def _rounded(value: Decimal, places: str) -> Decimal:
    return value.quantize(Decimal(places), ROUND_HALF_UP)
