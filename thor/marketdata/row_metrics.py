"""Derive the figures of a row of quotes from its prices (pure).

    last, open, high, low  against the previous close: difference, and percent of the previous close
    range                  high - low, and percent of the previous close
    spread                 ask - bid
    52 weeks               how far the last price lies above the low (percent of the low), and below the high

What lacks an operand is None, and so is a percentage of a base that is zero. Percentages have four places.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

PLACES: Final = Decimal("0.0001")
HUNDRED: Final = Decimal(100)

Figure = Decimal | None


@dataclass(frozen=True, slots=True)
class Prices:
    """What is known of one symbol; `change` and `change_percent` are the source's own words, where it has any."""

    last: Figure = None
    bid: Figure = None
    ask: Figure = None
    open: Figure = None
    high: Figure = None
    low: Figure = None
    previous_close: Figure = None
    high_52w: Figure = None
    low_52w: Figure = None
    change: Figure = None
    change_percent: Figure = None


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one price lies from another: the difference, and percent of the other."""

    diff: Figure
    pct: Figure


NOWHERE: Final = Distance(None, None)


@dataclass(frozen=True, slots=True)
class RowMetrics:
    """The derived figures of one row."""

    change: Figure
    change_percent: Figure
    spread: Figure
    last: Distance = field(default=NOWHERE)
    open: Distance = field(default=NOWHERE)
    high: Distance = field(default=NOWHERE)
    low: Distance = field(default=NOWHERE)
    range: Distance = field(default=NOWHERE)
    above_low_52w: Distance = field(default=NOWHERE)
    below_high_52w: Distance = field(default=NOWHERE)


def row_metrics(prices: Prices) -> RowMetrics:
    """Return the derived figures; change and its percentage are the source's own, else of the last price."""
    base = prices.previous_close
    last = distance(prices.last, base)
    return RowMetrics(
        change=last.diff if prices.change is None else prices.change,
        change_percent=last.pct if prices.change_percent is None else prices.change_percent,
        spread=difference(prices.ask, prices.bid),
        last=last,
        open=distance(prices.open, base),
        high=distance(prices.high, base),
        low=distance(prices.low, base),
        range=_share(difference(prices.high, prices.low), base),
        above_low_52w=distance(prices.last, prices.low_52w),
        below_high_52w=_share(difference(prices.high_52w, prices.last), prices.high_52w),
    )


def distance(price: Figure, base: Figure) -> Distance:
    """Return how far a price lies above its base; negative below it."""
    return _share(difference(price, base), base)


def difference(left: Figure, right: Figure) -> Figure:
    """Return left - right, or None where one of them is missing."""
    return None if left is None or right is None else left - right


def percent(part: Figure, base: Figure) -> Figure:
    """Return part / base x 100 with four places, halves away from zero; None without a base or on a base of zero."""
    if part is None or base is None or base == 0:
        return None
    return (part / base * HUNDRED).quantize(PLACES, ROUND_HALF_UP)


def _share(diff: Figure, base: Figure) -> Distance:
    return Distance(diff, percent(diff, base))
