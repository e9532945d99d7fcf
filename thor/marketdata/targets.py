"""Say where a trade is entered, and where its target and its stop lie (pure).

A long trade is entered at the ask and closed at the bid, a short one the other way round. Where the feed gives no
quote, both are the last price, and the outcome is judged by trades.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from thor.marketdata.models.capture import Capture, Signal
from thor.marketdata.models.target import Target
from thor.marketdata.signals import LONG, SHORT


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a trade is entered, and by what its outcome is judged."""

    price: Decimal
    judged_on: Capture.Basis


@dataclass(frozen=True, slots=True)
class Levels:
    """The prices at which a trade is over: the target and the stop of a long one, the other way round of a short."""

    high: Decimal
    low: Decimal


def entry_of(signal: Signal | None, *, last: Decimal | None, bid: Decimal | None, ask: Decimal | None) -> Entry | None:
    """Return where a signal is entered: at the ask, at the bid, or nowhere (hold, no signal, no price).

    The quote counts where both of its sides are known: one side is entered, the other one judged.
    """
    if signal not in LONG and signal not in SHORT:
        return None
    if bid is not None and ask is not None:
        return Entry(ask if signal in LONG else bid, Capture.Basis.QUOTES)
    return None if last is None else Entry(last, Capture.Basis.TRADES)


def levels_of(entry: Decimal | None, target: Target | None, decimals: int) -> Levels | None:
    """Return the levels around an entry, rounded to the instrument's decimals; None where there are none.

    An offset so small that its rounded level does not lie beyond the entry would be touched by the entry itself: it
    makes no levels.
    """
    if entry is None or target is None or target.high is None or target.low is None:
        return None
    if target.mode == Target.Mode.POINTS:
        high, low = entry + target.high, entry - target.low
    elif target.mode == Target.Mode.PERCENT:
        high, low = entry * (1 + target.high / 100), entry * (1 - target.low / 100)
    else:
        return None
    levels = Levels(_rounded(high, decimals), _rounded(low, decimals))
    return levels if levels.low < entry < levels.high else None


def _rounded(price: Decimal, decimals: int) -> Decimal:
    return price.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
