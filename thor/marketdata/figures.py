"""Compute what is told of a session, a 24-hour session and a year from their prices (pure).

Every function returns a dict keyed by the columns of `Capture` or `TwentyFourHour`, so that whoever writes the row
writes what is here. Prices are Decimals or None where unknown; percentages have four places, rounded half up, and are
None where an operand is unknown or the base is zero.

    session    high and low are of the trades since the open; the price at the open is not one of them
    24 hours   the range is measured on the open, the change is the open against the close before
    52 weeks   both distances and the range are measured on the last price
"""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

Price = Decimal | None
Row = dict[str, Price]

HUNDRED: Final = Decimal(100)
_PLACES: Final = Decimal("0.0001")
#: Twelve digits before the point are kept of a percentage; a base so small that there are more says nothing.
_TOO_MUCH: Final = Decimal(10) ** 12


def percent(part: Price, base: Price) -> Price:
    """Return part / base × 100 to four places; None where one is unknown or the base is zero."""
    if part is None or base is None or base == 0:
        return None
    with localcontext(prec=50):
        found = (part / base * HUNDRED).quantize(_PLACES, ROUND_HALF_UP)
    return found if abs(found) < _TOO_MUCH else None


def difference(one: Price, other: Price) -> Price:
    """Return one - other, or None where either is unknown."""
    return None if one is None or other is None else one - other


def session_figures(*, opened: Price, high: Price, low: Price, last: Price) -> Row:
    """Return the live figures of a session: high, low and range, the rise over the open, the run-up from the low.

    `opened` is the price at the open; high, low and last are of the trades since, None while there is none. A high
    that lies below the open has risen by 0.
    """
    wide = difference(high, low)
    return {
        "session_high": high,
        "session_low": low,
        "session_range": wide,
        "high_pct_open": _not_below_zero(percent(difference(high, opened), opened)),
        "low_pct_open": _not_below_zero(percent(difference(last, low), low)),
        "range_pct": percent(wide, opened),
    }


def close_figures(*, opened: Price, high: Price, low: Price, close: Price) -> Row:
    """Return the figures that a session has at its close: how far the close is off the high, the low and the open."""
    return {
        "session_close": close,
        "high_pct_close": _not_below_zero(percent(difference(high, close), high)),
        "low_pct_close": _not_below_zero(percent(difference(close, low), low)),
        "close_vs_open_pct": percent(difference(close, opened), opened),
    }


def day_figures(*, opened: Decimal, high: Decimal, low: Decimal, previous_close: Price) -> Row:
    """Return the derived columns of a 24-hour row: the open against the close before, the range on the open."""
    change = difference(opened, previous_close)
    return {
        "previous_close": previous_close,
        "change": change,
        "change_percent": percent(change, previous_close),
        "range": high - low,
        "range_percent": percent(high - low, opened),
    }


def year_figures(*, last: Price, high: Price, low: Price) -> Row:
    """Return the 52-week columns of a capture; distances and range are measured on the last price."""
    wide = difference(high, low)
    return {
        "high_52w": high,
        "high_pct_52w": percent(difference(high, last), last),
        "low_52w": low,
        "low_pct_52w": percent(difference(last, low), last),
        "range_52w": wide,
        "range_pct_52w": percent(wide, last),
    }


def _not_below_zero(value: Price) -> Price:
    return None if value is None else max(value, Decimal("0.0000"))
