"""Look after account, positions, orders, feeds, clock, leader and queue once an hour, and at each system start.

It says what it finds in one line, and changes nothing.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.timing import Every, Occurrence
from thor.trading.moment import moment
from thor.trading.services import health_check as service


@job(
    cadence=Every(minutes=env().health_check_interval_minutes),
    pinned=pins(cadence="HEALTH_CHECK_INTERVAL_MINUTES"),
    also_at=("system_start",) if env().run_health_check_on_boot else (),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=2),
)
def health_check(occurrence: Occurrence, **_: Any) -> Any:
    """Return how everything is, and what could not be asked."""
    return service.check_health(at=moment(occurrence.nominal_at))
