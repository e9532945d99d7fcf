"""Sell at once what has lost too much, while the market is open.

A look that was missed needs no repeat: the next one judges by the prices of its own time.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.timing import During, Every, Occurrence
from thor.trading.brokers.choice import broker
from thor.trading.moment import moment
from thor.trading.readiness import why_not_exit
from thor.trading.services import emergency_exits as service


@job(
    cadence=Every(minutes=env().emergency_exit_interval_minutes),
    pinned=pins(cadence="EMERGENCY_EXIT_INTERVAL_MINUTES"),
    window=During("open"),
    markets=(env().trading_market,),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=5),
    on_doubt="calendar",
    waits_for=why_not_exit,
)
def emergency_exits(occurrence: Occurrence, **_: Any) -> Any:
    """Return what was sold, and what could not be judged."""
    return service.exit_emergencies(broker=broker(), at=moment(occurrence.nominal_at), run=occurrence.run_id)
