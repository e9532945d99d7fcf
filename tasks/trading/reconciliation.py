"""Compare the account with the journal once an hour, and at each system start; nothing is bought before it says READY.

It settles orders of which nobody knows, writes down what the broker has, and says what is wrong. Nothing is sold.
A broker that does not answer is asked again within the run, and then with every poll of orders.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.jobs.selectors import times_of
from thor.timing import Every, Occurrence
from thor.trading.moment import is_real_time, moment
from thor.trading.readiness import INTERVALS
from thor.trading.services import reconciliation as service


@job(
    cadence=Every(minutes=env().reconciliation_interval_minutes),
    pinned=pins(cadence="RECONCILIATION_INTERVAL_MINUTES"),
    also_at=("system_start",) if env().run_startup_reconciliation else (),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=5),
)
def reconciliation(occurrence: Occurrence, **_: Any) -> Any:
    """Return the status, and what was found."""
    at, waits = moment(occurrence.nominal_at), service.WAITS if is_real_time() else ()
    due = times_of("reconciliation", after=at, count=INTERVALS)
    return service.reconcile_account(run=occurrence.run_id, at=at, waits=waits, good_until=due[-1] if due else None)
