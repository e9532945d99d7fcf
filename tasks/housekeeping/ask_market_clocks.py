"""Ask the broker's clock for every market that goes by it.

A tick that was missed needs no repeat: the next one asks anew, and what was not asked in time counts as unanswered.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.markets.broker_clock_asking import ask_clocks_now
from thor.timing import Every, Occurrence


@job(
    cadence=Every(seconds=env().scheduler_tick),
    pinned=pins(cadence="SCHEDULER_TICK_SECONDS"),
    time_limit=timedelta(minutes=1),
    repeatable=True,
)
def ask_market_clocks(occurrence: Occurrence, **_: Any) -> dict[str, str] | str:
    """Return where each of these markets stands, or that there is none."""
    return ask_clocks_now()
