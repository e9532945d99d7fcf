"""Bring the journal to what the broker holds, while the desk is held. Nothing is ordered here, and nothing sold.

only at the broker      a position from outside is written down, at the broker's average price; no more of it is bought
not at the broker       the position is closed as EXTERNAL_CLOSE; the exit price is not known, the entry price counts
more at the broker      the rest was bought elsewhere: at the price that makes the broker's average, and for nothing
                        where there is none that does
less at the broker      the rest was sold elsewhere: at the entry price, since nobody knows
as splits make it       it is counted in new shares: what was paid stays, and nothing is earned or lost
short at the broker     said, and never booked: the desk is long only
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from thor.trading import journal, positions
from thor.trading.models import Happening, Intent, IntentState, Position, Purpose
from thor.trading.models.positions import EXTERNAL
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.holdings import Difference


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
    more = one.broker - one.journal
    if more > 0:
        position.cost += positions.money(more * _price_of_more(one, position))
        position.bought += more
    else:
        position.proceeds += positions.money(-more * position.entry_price)
        position.sold -= more
    position.save()
    journal.record(
        Happening.POSITION, at=at, key=f"position:{run}:{one.symbol}", symbol=one.symbol, run=run,
        before=one.journal, quantity=one.broker, source=EXTERNAL,
    )  # fmt: skip
    about = f"{position.entry_order_id}:{one.broker.normalize():f}"
    return Finding(Level.WARNING, "position_differs", f"{one}, which counts now", one.symbol, about)


def _price_of_more(one: Difference, position: Position) -> Decimal:
    """Return at which price the rest must have been bought for the broker's average to be what it is.

    Nothing where no price can make it so: a cost that nobody has paid would be a loss that nobody had.
    """
    average = one.average or position.entry_price
    price = (one.broker * average - one.journal * position.entry_price) / (one.broker - one.journal)
    return max(price, Decimal(0))
