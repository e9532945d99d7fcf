"""Decide after the close what is to be sold of what is held, once a session.

A start later than that decides it all the same, until the next open.
"""

from datetime import timedelta
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.timing import Between, Latest, Occurrence, OncePerSession
from thor.trading.brokers.choice import broker
from thor.trading.moment import moment
from thor.trading.readiness import why_not_exit
from thor.trading.services import swing_exits as service


@job(
    cadence=OncePerSession(),
    window=Between(f"close+{env().swing_exit_delay_minutes_after_close}m", "next open"),
    pinned=pins(window="SWING_EXIT_DELAY_MINUTES_AFTER_CLOSE"),
    markets=(env().trading_market,),
    catch_up=Latest(within=timedelta(days=7)),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=10),
    waits_for=why_not_exit,
    tries_again=timedelta(minutes=5),
)
def swing_exits(occurrence: Occurrence, **_: Any) -> Any:
    """Return what is to be sold, and why the rest is not."""
    at, day = moment(occurrence.nominal_at), occurrence.session_date
    return service.evaluate_swing_exits(broker=broker(), at=at, run=occurrence.run_id, session_date=day)
