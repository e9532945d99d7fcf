"""Step 2b: fills that the broker has and the journal has not, since the last time that all was well."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from thor.trading.booking import GIVEN_UP, book_order
from thor.trading.brokers.port import Broker, BrokerFill, BrokerUnreachable
from thor.trading.models import Event, Order, Reconciliation
from thor.trading.models.desk import Readiness
from thor.trading.readiness import AHEAD
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.snapshot import PLACES

#: What a finding is called that says that the fills could not be read.
UNREAD: Final = "fills_unread"
#: So far back the first time looks, and so much of what was seen is seen again at every other one.
FIRST: Final = timedelta(days=7)
OVERLAP: Final = timedelta(hours=24)


def fills_since(at: datetime) -> datetime:
    """Return from when on fills are read: a day before the last reconciliation that was READY.

    One that was not may have been unable to read them. Before there was any it is a week before the first. What was
    written by a clock that was ahead does not count.
    """
    known = Reconciliation.objects.filter(at__lte=at + AHEAD)
    ready = known.filter(status=Readiness.READY).order_by("-pk").first()
    if ready is not None:
        return min(ready.at, at) - OVERLAP
    first = known.order_by("at").first()
    return (first.at if first else at) - FIRST


def book_missed(*, broker: Broker, since: datetime, at: datetime) -> list[Finding]:
    """Ask for every order that has more fills at the broker than in the journal, and book what it says."""
    try:
        fills = broker.fills(since)
        return list(_book(fills, broker=broker, since=since, at=at))
    except BrokerUnreachable as error:
        return [Finding(Level.WARNING, UNREAD, f"the broker does not tell its fills: {error}")]


def quantities(fills: Sequence[BrokerFill]) -> dict[str, Decimal]:
    """Return how much of each order was filled, by the broker's id of the order."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in {fill.id: fill for fill in fills}.values():
        found[fill.order_id] += fill.quantity
    return dict(found)


def _book(fills: Sequence[BrokerFill], *, broker: Broker, since: datetime, at: datetime) -> Iterator[Finding]:
    filled = quantities(fills)
    ours = {order.broker_order_id: order for order in Order.objects.filter(broker_order_id__in=filled)}
    foreign = {fill.symbol for fill in fills if fill.order_id not in ours}
    short = {order for key, order in ours.items() if _lacks(order, filled[key])}
    for order in sorted({*short, *_never_told(foreign, since)}, key=lambda order: order.pk):
        told = broker.order(order.client_order_id)
        after = book_order(order, told, at=at) if told is not None else order
        if order in short and _lacks(after, filled[order.broker_order_id]):
            yield _missing(after, filled, at)
        elif after.filled_quantity > order.filled_quantity:
            text = f"fills of the order to {order} were not booked, and are now"
            yield Finding(Level.NOTE, "fills_booked", text, order.symbol, order.client_order_id)


def _lacks(order: Order, filled: Decimal) -> bool:
    return filled - order.filled_quantity > PLACES


def _never_told(symbols: Collection[str], since: datetime) -> list[Order]:
    """Return orders that were given up without the broker's ever having told of them: these fills may be theirs.

    They may have been sent before these fills are read from: what arrives late is filled late.
    """
    return list(
        Order.objects.filter(state__in=GIVEN_UP, symbol__in=symbols, broker_order_id="", sent_at__gte=since - FIRST)
    )


def _missing(order: Order, filled: Mapping[str, Decimal], at: datetime) -> Finding:
    """Say that an order tells of less than its fills: a warning once, since positions follow the broker anyway.

    A warning each time would keep the cursor where it is, and so the fills among those that are read, for ever.
    """
    told, known = filled[order.broker_order_id].normalize(), order.filled_quantity.normalize()
    text = f"of the order to {order} the broker's fills are {told:f}, and the order says {known:f}"
    found = Finding(Level.WARNING, "fills_missing", text, order.symbol, f"{order.client_order_id}:{told:f}:{known:f}")
    is_told = Event.objects.filter(key=found.key(at.date())).exists()
    return replace(found, level=Level.NOTE) if is_told else found
