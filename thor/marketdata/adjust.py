"""Bring prices of before a split into the shares of after it (pure).

A split of `date` and `ratio` divides every price of an earlier session by the ratio; a reverse split has a ratio below
one. What lies on the date itself is in new shares already.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, localcontext
from typing import Final

#: One split: the first session in new shares, and new shares an old one.
SplitOf = tuple[date, Decimal]

_PLACES: Final = Decimal("0.00000001")


def divisor(splits: Iterable[SplitOf], of: date, as_of: date) -> Decimal:
    """Return by what prices of session `of` are divided to be compared with prices of session `as_of`."""
    found = Decimal(1)
    with localcontext(prec=50):
        for day, ratio in splits:
            found *= ratio if of < day <= as_of else 1
    return found


def adjusted(price: Decimal, by: Decimal) -> Decimal:
    """Return the price divided, to eight places; the price itself where nothing is to be divided."""
    if by == 1:
        return price
    with localcontext(prec=50):
        return (price / by).quantize(_PLACES)
