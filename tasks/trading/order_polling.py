"""Ask the broker for every order that is not over, while the market is open, and cancel entries that nobody fills.

It goes on whatever reconciliation says: it asks and cancels, and orders nothing but what an emergency has left to be
sold, as far as reconciliation lets exits pass. Where the last reconciliation was not answered it asks for that as well,
so that nobody waits an hour for the next one; and what a window of exits has left, and no run of theirs has carried
over, it carries over.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.timing import During, Every, Occurrence
from thor.trading.moment import moment
from thor.trading.services import order_polling as service
from thor.trading.services.reconciliation import repeat_unanswered


@job(
    cadence=Every(minutes=env().order_poll_interval_minutes),
    pinned=pins(cadence="ORDER_POLL_INTERVAL_MINUTES"),
    window=During("open"),
    markets=(env().trading_market,),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=5),
    on_doubt="calendar",
)
def order_polling(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many orders were asked for, filled and ended, or that none is pending."""
    at = moment(occurrence.nominal_at)
    found = service.poll_orders(at=at, run=occurrence.run_id)
    again = repeat_unanswered(run=occurrence.run_id, at=at)
    return {"polled": found, "reconciled": again["status"]} if again else found
