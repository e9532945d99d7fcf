"""Compute volume-weighted average prices (pure).

VWAP = sum(price * volume) / sum(volume). From samples, the volume of a sample is its increment over the sample before
it; from bars, every bar's own VWAP is weighted with the bar's volume. Four decimals; None where nothing traded.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Mark:
    """A price and the cumulative volume of its UTC day, as they were at `at`."""

    at: datetime
    price: Decimal
    cumulative: Decimal


def mean(rows: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Return the mean price of (price, volume) rows, weighted with the volume; None without volume."""
    notional = volume = Decimal(0)
    for price, size in rows:
        notional += price * size
        volume += size
    return (notional / volume).quantize(PLACES) if volume > 0 else None


def from_samples(base: Mark | None, marks: Iterable[Mark]) -> Decimal | None:
    """Return the VWAP of `marks` (oldest first); `base` is the mark before them and only lends its volume.

    Without a base the first mark becomes it: its volume may have been traded long before the window.
    """
    rows = []
    for mark in marks:
        if base is not None:
            rows.append((mark.price, _increment(base, mark)))
        base = mark
    return mean(rows)


def _increment(before: Mark, mark: Mark) -> Decimal:
    """Return what was traded between two marks; a new UTC day, or a smaller total, starts again from zero."""
    if _day(before) != _day(mark) or mark.cumulative < before.cumulative:
        return mark.cumulative
    return mark.cumulative - before.cumulative


def _day(mark: Mark) -> object:
    # A mark at midnight closes the day before it.
    return (mark.at.astimezone(UTC) - timedelta(microseconds=1)).date()
