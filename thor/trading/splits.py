"""Say what was paid for a position in the shares of today: a split must not look like a loss.

The broker changes what it holds on the day of a split, and reconciliation takes that over into the journal; feeds show
new prices from the first tick on. In between the journal still counts old shares. Which of the two a position is in is
told by its price: of what was paid and of what was paid divided by the splits since, the one that is nearer to the
price of now is meant. A split at least doubles or halves; what halves a price within twenty days besides is rare.

A session may also be judged when the journal counts the shares of a later one: an evening that is made good the next
morning, after reconciliation has booked the split of that day. Then what was paid is brought back, without guessing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from thor.marketdata import closes
from thor.marketdata.adjust import divisor
from thor.marketdata.models import Instrument
from thor.trading.hours import session_date_of, session_for
from thor.trading.models import Event, Position
from thor.trading.positions import unbooked_ratio


@dataclass(frozen=True, slots=True)
class Paid:
    """The average price paid and the quantity held, in the shares of a day; their product is what they always were."""

    price: Decimal
    quantity: Decimal


def paid_in_shares_of(day: date, positions: Sequence[Position], prices: Mapping[str, Decimal]) -> dict[str, Paid]:
    """Return what was paid for each position in the shares that `prices`, which are of a session, are of."""
    return {one.symbol: _paid(one, day, prices.get(one.symbol)) for one in positions}


def _paid(position: Position, day: date, price: Decimal | None) -> Paid:
    ahead = _booked_ahead(position, day)
    if ahead != 1:
        return Paid(position.entry_price * ahead, position.quantity / ahead)
    return _nearer(position, unbooked_ratio(position, day), price)


def _booked_ahead(position: Position, day: date) -> Decimal:
    """Return by how much splits of after a session have multiplied already what the journal holds."""
    counted = _counted_on(position)
    if counted <= day:
        return Decimal(1)
    keys = Instrument.objects.filter(symbol=position.symbol).values_list("pk", flat=True)
    splits = [one for found in closes.splits_of(keys, counted).values() for one in found]
    after = divisor(splits, day, counted)
    return after if after == 1 else after / unbooked_ratio(position, counted)


def _counted_on(position: Position) -> date:
    """Return the session in whose shares the journal counts: of the last purchase, or of the last split it booked."""
    bought = session_date_of(position.last_bought_at)
    at = Event.objects.filter(key__startswith=f"split:{position.pk}:").order_by("-at").values_list("at", flat=True)
    booked = at.first()
    if booked is None:
        return bought
    session = session_for(booked)
    return max(bought, session.date if session else session_date_of(booked))


def _nearer(position: Position, by: Decimal, price: Decimal | None) -> Paid:
    old = Paid(position.entry_price, position.quantity)
    new = Paid(position.entry_price / by, position.quantity * by)
    if by == 1 or price is None or price <= 0 or position.entry_price <= 0:
        return old  # what somebody else got for nothing was paid for in no shares
    return min(new, old, key=lambda paid: _times(paid.price, price))


def _times(one: Decimal, other: Decimal) -> Decimal:
    """Return how many times the larger of two prices is the smaller."""
    return max(one, other) / min(one, other)
