"""Poll the orders that are not over, and cancel entries that nobody fills.

The broker is asked for each of them, purchases and sales alike; what it says is booked by `settling`. An entry that is
open for a quarter of an hour is cancelled: its price was that of the signal, and the window before the close is 25
minutes long, so another strategy's signal must not wait behind it. What was filled of it stays. Sales are never
cancelled here: the window of exits ends them itself, and orders of emergencies are to be filled at any price. An entry
that works on after its session is cancelled by `settling`, which is called outside of hours as well.

An emergency whose sale had to wait, or of which nobody knew, is gone on with here (`emergency_sales`). What was to be
bought in a session that is over is ended, and what a window of exits has left is carried over where no run saw its end.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from thor.trading.boundary import Boundary, recorded
from thor.trading.brokers.port import Broker
from thor.trading.emergency_sales import finish_emergencies
from thor.trading.entries import end_over
from thor.trading.exit_window import carry_over_since
from thor.trading.models import Order, Purpose, State
from thor.trading.ordering import cancel_order
from thor.trading.settling import pending_orders, settle_orders

NOTHING: Final = "no pending orders"
#: An entry that is not filled after so long is cancelled.
PATIENCE: Final = timedelta(minutes=15)


def poll_orders(*, broker: Broker | None = None, at: datetime, run: UUID) -> dict[str, Any] | str:
    """Bring every pending order up to date and cancel entries that took too long; nothing is asked where none is.

    Emergencies that are wanted are gone on with, as orders of this `run`.
    """
    has_pending, chosen = bool(pending_orders()), broker or _chosen()
    with recorded(at):
        end_over(at)
        found = _poll(chosen, at)  # without any it drops what was planned and never sent
        carried = carry_over_since(at=at, run=run)
        sold = finish_emergencies(broker=chosen, at=at, run=run) | ({"carried": carried} if carried else {})
    return {**found, **sold} if has_pending or sold else NOTHING


def _poll(broker: Broker, at: datetime) -> dict[str, Any]:
    report, boundary = settle_orders(broker=broker, at=at), Boundary(at=at)
    timed_out = [] if report.unreachable else _too_slow(at)
    for order in timed_out:
        with boundary.around(order.symbol, f"error:cancelling:{order.client_order_id}"):
            cancel_order(order, broker=broker, at=at)
    found, failed = report.plain(), {**report.failed, **boundary.failed}
    if failed:
        found["failed"] = failed
    return {**found, "timed_out": [order.client_order_id for order in timed_out]} if timed_out else found


def _too_slow(at: datetime) -> list[Order]:
    """Return entries that are open for too long; asked again at each poll, until the broker says that they are over."""
    entries = Order.objects.filter(purpose__in=[Purpose.ENTRY, Purpose.ADD_ON], sent_at__lte=at - PATIENCE)
    today = entries.exclude(good_until__lte=at)  # else `settling` has asked for it just now
    return list(today.filter(state__in=[State.WORKING, State.PARTIAL]))


def _chosen() -> Broker:
    from thor.trading.brokers.choice import broker

    return broker()
