"""Carry out what was decided after the close before, each minute of a window after the open.

A missed minute needs no repeat: the next one goes on where it stands.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.jobs.selectors import times_of
from thor.timing import Between, Every, Occurrence
from thor.trading.brokers.choice import broker
from thor.trading.moment import moment
from thor.trading.readiness import why_not_exit
from thor.trading.services import exit_intents as service

FIRST = env().swing_exit_execution_window_start_min
LAST = env().swing_exit_execution_window_end_min


@job(
    cadence=Every(minutes=1),
    window=Between(f"open+{FIRST}m", f"open+{LAST}m"),
    pinned=pins(window=("SWING_EXIT_EXECUTION_WINDOW_START_MIN", "SWING_EXIT_EXECUTION_WINDOW_END_MIN")),
    markets=(env().trading_market,),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=5),
    on_doubt="skip",
    waits_for=why_not_exit,
)
def exit_intents(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many orders were sent, and what became of the other wishes."""
    at = moment(occurrence.nominal_at)
    due = times_of("exit_intents", after=at, count=1)
    following = due[0] if due else None
    return service.execute_exit_intents(broker=broker(), at=at, run=occurrence.run_id, following=following)
