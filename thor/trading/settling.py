"""Ask the broker for every order that it may have, and book what it says.

the broker has the order         it is booked as it says, also one that was given up as absent
it cannot be asked               nothing changes: a failed question is no answer; the others are asked for all the same
it has none of that id           counted; an order of which nobody knows is `absent` once that was said twice, half a
                                 minute apart, and two minutes after it was sent: by then no request is on its way
`absent` and its day is over     dropped; until then it is asked for again, since it could still turn up
`planned` for ten minutes        dropped: whoever planned it has gone, and it was never sent
an entry whose session is over   cancelled, if it works on: it must not be filled at the price of another session
a sale of more than is held      cancelled likewise (`overselling`)
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from thor.failpoints import reach
from thor.trading import journal
from thor.trading.booking import book_order, end_order
from thor.trading.books import why_another
from thor.trading.boundary import Boundary
from thor.trading.brokers.port import Broker, BrokerUnreachable, Side
from thor.trading.desk import desk, hold
from thor.trading.models import Happening, Order, State
from thor.trading.models.orders import SENT
from thor.trading.ordering import cancel_order
from thor.trading.overselling import cancel_oversold

#: So long after it was sent an order may still arrive.
IN_FLIGHT: Final = timedelta(minutes=2)
#: Two answers that an order does not exist are two only if they lie so far apart.
APART: Final = timedelta(seconds=30)
ABSENCES: Final = 2
#: A planned order that nobody sends.
FORGOTTEN: Final = timedelta(minutes=10)
#: So many questions in a row without an answer are enough: it is the broker then, and not one order.
ENOUGH: Final = 3
#: After the end of its day an absent order is looked for so much longer.
LAST_LOOK: Final = timedelta(minutes=30)


@dataclass(slots=True)
class SettlingReport:
    """What came of asking: how many orders were asked for, filled further, ended; and what could not be learned.

    `failed` says by symbol what went wrong with an order that the broker has told of.
    """

    asked: int = 0
    filled: int = 0
    ended: int = 0
    unknown: list[str] = field(default_factory=list)
    unreachable: str = ""
    failed: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """Return it as the result of a run."""
        found: dict[str, object] = {"asked": self.asked, "filled": self.filled, "ended": self.ended}
        if self.unknown:
            found["unknown"] = self.unknown
        if self.failed:
            found["failed"] = self.failed
        return {**found, "unreachable": self.unreachable} if self.unreachable else found


def pending_orders() -> list[Order]:
    """Return the orders that the broker may have and that are not over, in the order in which they were planned."""
    return list(Order.objects.filter(state__in=SENT).order_by("planned_at", "pk"))


def settle_orders(*, broker: Broker, at: datetime) -> SettlingReport:
    """Bring every order that is not over up to what the broker says of it.

    An order that cannot be booked keeps neither the others from it nor the jobs that settle: it stays open, so nothing
    else of its symbol is ordered, and people hear of it once. A broker that is not the one of the books knows nothing
    of these orders, and is not asked.
    """
    report, silent, boundary = SettlingReport(), 0, Boundary(at=at)
    if reason := why_another(desk()):
        report.unreachable = reason
        return report
    _drop_forgotten(at, boundary)
    for order in pending_orders():
        report.asked += 1
        with boundary.around(order.symbol, f"error:settling:{order.client_order_id}"):
            try:
                _settle(order, broker, at, report)
            except BrokerUnreachable as error:
                report.unreachable = report.unreachable or str(error)
                silent += 1
                if silent == ENOUGH:
                    break  # the others would wait for as long, and come again in minutes
                continue
        silent = 0
    else:
        cancel_oversold(broker=broker, at=at)
    report.failed = boundary.failed
    report.unknown = sorted(one.client_order_id for one in pending_orders() if one.state in UNSETTLED)
    return report


def _settle(order: Order, broker: Broker, at: datetime, report: SettlingReport) -> None:
    told = broker.order(order.client_order_id)
    reach("asked")
    after = book_order(order, told, at=at) if told is not None else _note_absence(order, at)
    if told is not None and _outlives_its_session(after, at):
        after = cancel_order(after, broker=broker, at=at)
    report.filled += after.filled_quantity > order.filled_quantity
    report.ended += after.state not in SENT


def _outlives_its_session(order: Order, at: datetime) -> bool:
    """Tell whether an entry works on although its session is over; asked again until the broker says it has ended."""
    is_over = order.good_until is not None and at >= order.good_until
    return is_over and order.side == Side.BUY and order.state in (State.WORKING, State.PARTIAL)


#: Nobody knows whether the broker has them.
UNSETTLED: Final = (State.SENDING, State.UNKNOWN, State.ABSENT)


def _note_absence(order: Order, at: datetime) -> Order:
    with hold():
        row = Order.objects.select_related("intent").get(pk=order.pk)
        if row.state in SENT and _may_count(row, at):
            row.absences += 1
            row.updated_at = at
            row.save(update_fields=["absences", "updated_at"])
            if row.absences >= ABSENCES:
                _give_up(row, at)
    return row


def _may_count(order: Order, at: datetime) -> bool:
    is_late_enough = order.sent_at is None or at - order.sent_at >= IN_FLIGHT
    return is_late_enough and (order.absences == 0 or at - order.updated_at >= APART)


def _give_up(order: Order, at: datetime) -> None:
    """Take an order for absent, and at the end of its day for gone."""
    is_over = order.good_until is not None and at >= order.good_until + LAST_LOOK
    if order.state in (State.WORKING, State.PARTIAL):
        _alert(order, "the broker had this order and says that it has none of its id", at)
        if is_over:
            end_order(order, State.DROPPED, "the broker does not know it any more", at)
        return
    if is_over:
        end_order(order, State.DROPPED, "it never arrived", at)
    elif order.state != State.ABSENT:
        order.state, order.updated_at = State.ABSENT.value, at
        order.save(update_fields=["state", "updated_at"])
        _alert(order, "the broker does not have this order; it is looked for until its day is over", at)


def _alert(order: Order, reason: str, at: datetime) -> None:
    journal.record(
        Happening.ALERT, at=at, key=f"{order.client_order_id}:absent:{order.sent_at}", symbol=order.symbol,
        run=order.run, order=order.client_order_id, reason=reason,
    )  # fmt: skip


def _drop_forgotten(at: datetime, boundary: Boundary) -> None:
    for order in Order.objects.filter(state=State.PLANNED, planned_at__lte=at - FORGOTTEN):
        with boundary.around(order.symbol, f"error:dropping:{order.client_order_id}"), hold():
            row = Order.objects.select_related("intent").get(pk=order.pk)
            if row.state == State.PLANNED:
                end_order(row, State.DROPPED, "it was never sent", at)
