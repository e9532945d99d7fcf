"""Bring the journal to what the broker holds, while the desk is held. Nothing is ordered here, and nothing sold.

only at the broker      a position from outside is written down, at the broker's average price; no more of it is bought
not at the broker       the position is closed as EXTERNAL_CLOSE; the exit price is not known, the entry price counts
more at the broker      the rest was bought by somebody else, and stays theirs: it is kept apart from the desk's own,
                        which alone is sold, and no more of the symbol is bought meanwhile. Of a position that is from
                        outside altogether it is more of the same: at the price that makes the broker's average, and
                        for nothing where there is none that does. What nobody has paid for is the desk's: shares of a
                        split that nobody has told of, and those of a sale that was taken back
less at the broker      somebody has sold: first what was somebody else's, then the desk's own, at the entry price,
                        since nobody knows another
as splits make it       it is counted in new shares: what was paid stays, and nothing is earned or lost
short at the broker     said, and never booked: the desk is long only
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from django.db.models import Max

from thor.trading import journal, positions
from thor.trading.brokers.port import Side
from thor.trading.models import Event, Happening, Intent, IntentState, Order, Position, Purpose
from thor.trading.models.positions import EXTERNAL
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.holdings import Difference

#: A price of so small a part of what was paid for the others is what rounding the broker's average leaves of none.
NOTHING_MUCH: Final = Decimal("0.01")


def converge(
    differences: Iterable[Difference], *, moving: Collection[str], backfill: bool, close: bool, at: datetime, run: UUID
) -> Iterator[Finding]:
    """Write down what differs, and give a finding for each; `backfill` and `close` say what may be written."""
    for one in differences:
        if one.symbol in moving:
            yield Finding(Level.NOTE, "position_moving", f"{one}; it may be moving, and is left", one.symbol)
            continue
        if one.is_short:
            yield Finding(Level.WARNING, "position_short", f"{one}: it is short", one.symbol)
        if one.is_external:
            yield _find(one, at, run, may=backfill)
        elif one.is_vanished:
            yield _close(one, at, run, may=close)
        elif one.journal > 0:
            yield _adjust(one, at, run)


def _find(one: Difference, at: datetime, run: UUID, *, may: bool) -> Finding:
    if may:
        price = one.average or Decimal(0)
        positions.find_external(one.symbol, one.broker, price, at=at, key=str(uuid5(run, f"external:{one.symbol}")))
    said = "it is written down as external" if may else "RECONCILIATION_BACKFILL_ENABLED is off, so it is not written"
    return Finding(Level.EXTERNAL, "position_external", f"{one}; {said}", one.symbol)


def _close(one: Difference, at: datetime, run: UUID, *, may: bool) -> Finding:
    position = positions.open_position(one.symbol)
    if position is None or not may:
        text = f"{one}; it is not closed: RECONCILIATION_MARK_UNKNOWN_CLOSED is off, or the list contradicts the equity"
        return Finding(Level.WARNING, "position_vanished", text, one.symbol)
    positions.close_vanished(position, at=at, run=run)
    exits = Intent.objects.filter(symbol=one.symbol, purpose__in=[Purpose.EXIT, Purpose.EMERGENCY])
    exits.filter(state=IntentState.PLANNED).update(
        state=IntentState.CANCELLED, outcome="the broker does not hold it any more", updated_at=at
    )
    text = f"{one}; it is closed at its entry price"
    return Finding(Level.WARNING, "position_vanished", text, one.symbol, position.entry_order_id)


def _adjust(one: Difference, at: datetime, run: UUID) -> Finding:
    position = positions.open_position(one.symbol)
    assert position is not None  # noqa: S101 - the desk is held, and the journal has it
    if positions.converge_split(position, one.broker, at=at, run=run):
        text = f"{one}, which a split makes of it"
        return Finding(Level.NOTE, "position_split", text, one.symbol, position.entry_order_id)
    more, own = one.broker - one.journal, position.quantity
    if more < 0:
        positions.take_off(position, -more)
    else:
        back = _own_of(one, position)
        position.cost += positions.money(back * _price_of_more(one, position))
        position.bought += back
        position.outside += more - back
    position.save()
    journal.record(
        Happening.POSITION, at=at, key=f"position:{run}:{one.symbol}", symbol=one.symbol, run=run,
        before=one.journal, quantity=one.broker, source=EXTERNAL, position=position.pk, own_before=own,
        own=position.quantity, outside=position.outside,
    )  # fmt: skip
    about = f"{position.entry_order_id}:{one.broker.normalize():f}"
    is_apart = more > 0 and position.quantity == own
    said = "and what is more is not the desk's to sell" if is_apart else "which counts now"
    return Finding(Level.WARNING, "position_differs", f"{one}, {said}", one.symbol, about)


def _own_of(one: Difference, position: Position) -> Decimal:
    """Return how much of what is more at the broker is the desk's after all, or of a position that never was."""
    more = one.broker - one.journal
    if position.is_external or _is_for_nothing(one, position):
        return more
    return min(more, _taken_back(position))


def _taken_back(position: Position) -> Decimal:
    """Return how much of the desk's sales the broker has taken back since the position was corrected last."""
    told = Event.objects.filter(symbol=position.symbol)
    corrected = told.filter(kind=Happening.POSITION).aggregate(last=Max("number"))["last"] or 0
    shrunk = told.filter(
        kind=Happening.ALERT, key__contains=":shrunk:", number__gt=corrected, at__gte=position.opened_at
    )
    by_order = {one.fields["order"]: Decimal(one.fields["booked"]) - Decimal(one.fields["told"]) for one in shrunk}
    sales = Order.objects.filter(client_order_id__in=by_order, side=Side.SELL).values_list("client_order_id", flat=True)
    return sum((by_order[name] for name in sales), Decimal(0))


def _is_for_nothing(one: Difference, position: Position) -> bool:
    """Tell whether nobody has paid for what is more, as in a split that is not known here: then it is the desk's."""
    if position.outside > 0:
        return False
    return _price_of_more(one, position) <= position.entry_price * NOTHING_MUCH


def _price_of_more(one: Difference, position: Position) -> Decimal:
    """Return at which price the rest must have been bought for the broker's average to be what it is.

    Nothing where no price can make it so: a cost that nobody has paid would be a loss that nobody had.
    """
    average = one.average or position.entry_price
    price = (one.broker * average - one.journal * position.entry_price) / (one.broker - one.journal)
    return max(price, Decimal(0))
