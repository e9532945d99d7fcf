"""Bring the journal to what the broker holds, while the desk is held. Nothing is ordered here, and nothing sold.

only at the broker      a position from outside is written down, at the broker's average price; no more of it is bought
not at the broker       the position is closed as EXTERNAL_CLOSE; the exit price is not known, the entry price counts
more at the broker      the rest was bought by somebody else, and stays theirs: it is kept apart from the desk's own,
                        which alone is sold, and no more of the symbol is bought meanwhile. Of a position that is from
                        outside altogether it is more of the same: at the price that makes the broker's average, and
                        for nothing where there is none that does. What nobody has paid for is the desk's: shares of a
                        split that nobody has told of, and those of a sale that was taken back
less at the broker      somebody has sold: first what was somebody else's, then the desk's own, at the entry price,
                        since nobody knows another. A purchase of the desk's that was taken back is its own
as splits make it       it is counted in new shares: what was paid stays, and nothing is earned or lost. Where somebody
                        has traded beside a split, that is booked first, and what differs then counts as above
another number, and     a split that nobody has told of: the desk's own and what is somebody else's become more, or
nobody has paid         less, by the same ratio
short at the broker     said, and never booked: the desk is long only
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
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
#: How many times the average a split makes another at least, where parts of shares are paid out: four for three.
FAR: Final = Decimal("1.3")


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
    one, own = _after_split(one, position, at, run), position.quantity
    _book(one, position, at, run)
    position.save()
    journal.record(
        Happening.POSITION, at=at, key=f"position:{run}:{one.symbol}", symbol=one.symbol, run=run,
        before=one.journal, quantity=one.broker, source=EXTERNAL, position=position.pk, own_before=own,
        own=position.quantity, outside=position.outside, average=one.average,
    )  # fmt: skip
    about = f"{position.entry_order_id}:{one.broker.normalize():f}"
    is_apart = one.broker > one.journal and position.quantity == own
    said = "and what is more is not the desk's to sell" if is_apart else "which counts now"
    return Finding(Level.WARNING, "position_differs", f"{one}, {said}", one.symbol, about)


def _after_split(one: Difference, position: Position, at: datetime, run: UUID) -> Difference:
    """Book the splits beside which somebody has traded, and return what differs after them."""
    made = _made_by_splits(one, position, at)
    if made > 0 and positions.converge_split(position, made, at=at, run=run):
        return replace(one, journal=made)
    return one


def _made_by_splits(one: Difference, position: Position, at: datetime) -> Decimal:
    """Return what the splits that are known make of what was held, where the broker's average says that it holds that.

    Nothing where it does not: before the broker has counted anew, it only looks so where somebody buys enough, or sells
    less than a reverse split takes. Of the two, the one is meant by which the price of the rest is nearer to what was
    paid. Whole shares are what is left of others whose parts were paid out.
    """
    ratio, paid = positions.ratio_at(position, at), _paid_for_all(position) or position.entry_price
    exact = (one.journal * ratio).quantize(positions.UNIT)
    made = exact.to_integral_value(ROUND_FLOOR) if one.broker == one.broker.to_integral_value() else exact
    if ratio == 1 or not 0 < made < one.broker or paid <= 0:
        return Decimal(0)
    split = _price_of_rest(one, made, paid / ratio) * ratio
    is_more = one.broker > one.journal
    none = _price_of_rest(one, one.journal, paid) if is_more else one.average or paid
    return made if split > 0 and _times(split, paid) < _times(none, paid) else Decimal(0)


def _price_of_rest(one: Difference, known: Decimal, paid: Decimal) -> Decimal:
    """Return what a share of the rest has cost, where `paid` was the price of the others; it may be below nothing."""
    return (one.broker * (one.average or paid) - known * paid) / (one.broker - known)


def _times(one: Decimal, other: Decimal) -> Decimal:
    """Return how many times the larger of two prices is the smaller; any number of times where one is no price."""
    return max(one, other) / min(one, other) if min(one, other) > 0 else Decimal("Infinity")


def _book(one: Difference, position: Position, at: datetime, run: UUID) -> None:
    """Let a position come to what the broker holds."""
    more = one.broker - one.journal
    if position.outside > 0 and _is_for_nothing(one, position):
        ratio = (one.broker / one.journal).quantize(positions.RATIO_UNIT).normalize()
        positions.count_anew(position, ratio, one.broker, at=at, run=run)
    elif more < 0:
        positions.take_off(position, -more, own=min(-more, position.quantity, _taken_back(position, Side.BUY)))
    else:
        back = _own_of(one, position)
        position.cost += positions.money(back * _price_of_more(one, position))
        position.bought += back
        position.outside += more - back


def _own_of(one: Difference, position: Position) -> Decimal:
    """Return how much of what is more at the broker is the desk's after all, or of a position that never was."""
    more = one.broker - one.journal
    if position.is_external or _is_for_nothing(one, position):
        return more
    return min(more, _taken_back(position, Side.SELL))


def _taken_back(position: Position, side: Side) -> Decimal:
    """Return how much of the desk's purchases or sales the broker has taken back since the last correction."""
    told = Event.objects.filter(symbol=position.symbol)
    corrected = told.filter(kind=Happening.POSITION).aggregate(last=Max("number"))["last"] or 0
    shrunk = told.filter(
        kind=Happening.ALERT, key__contains=":shrunk:", number__gt=corrected, at__gte=position.opened_at
    )
    by_order = {one.fields["order"]: Decimal(one.fields["booked"]) - Decimal(one.fields["told"]) for one in shrunk}
    orders = Order.objects.filter(client_order_id__in=by_order, side=side).values_list("client_order_id", flat=True)
    return sum((by_order[name] for name in orders), Decimal(0))


def _is_for_nothing(one: Difference, position: Position) -> bool:
    """Tell whether what was paid for all of it is what it was before, as in a split that is not known here.

    Then what is more is the desk's, or its part of it. A split moves the average far, and a part of a share may be paid
    out by it. What would have cost less is unknown: the broker reckons otherwise, and somebody may have bought.
    """
    paid = _paid_for_all(position)
    if paid is None:
        return False
    average = one.average or paid
    change = one.broker * average - one.journal * paid
    if abs(change) <= abs(one.broker - one.journal) * paid * NOTHING_MUCH:
        return True
    return _times(average, paid) >= FAR and -average < change < 0


def _paid_for_all(position: Position) -> Decimal | None:
    """Return the average price of all that the account has of it, in the shares of now; nothing where nobody knows.

    What somebody else has paid is in the average that the broker told when theirs was found.
    """
    if position.outside == 0:
        return position.entry_price
    told = Event.objects.filter(kind=Happening.POSITION, fields__position=position.pk, fields__has_key="average")
    last = told.order_by("-number").first()
    if last is None or not last.fields["average"] or last.at < position.last_bought_at:
        return None
    splits = Event.objects.filter(key__startswith=f"split:{position.pk}:", number__gt=last.number)
    found = Decimal(last.fields["average"])
    for ratio in splits.values_list("fields__ratio", flat=True):
        found /= Decimal(ratio)
    return found or None


def _price_of_more(one: Difference, position: Position) -> Decimal:
    """Return at which price the rest must have been bought for the broker's average to be what it is.

    Nothing where no price can make it so: a cost that nobody has paid would be a loss that nobody had. What was paid
    for the desk's own where somebody else's is in the average: then the rest is a sale that was taken back.
    """
    if position.outside > 0:
        return position.entry_price
    return max(_price_of_rest(one, one.journal, position.entry_price), Decimal(0))
