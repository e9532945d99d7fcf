"""Look for entries once a session, in the last minutes before its close, and order what passes every gate.

What fails is tried again within the window; what was decided before is not decided anew.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from thor.env import env, pins
from thor.jobs import job
from thor.timing import Between, Latest, Occurrence, OncePerSession
from thor.trading.brokers.choice import broker
from thor.trading.moment import moment
from thor.trading.readiness import why_not_enter
from thor.trading.services import entry_signals as service


@job(
    cadence=OncePerSession(),
    window=Between(f"close-{env().entry_window_minutes_before_close}m", "close"),
    pinned=pins(window="ENTRY_WINDOW_MINUTES_BEFORE_CLOSE"),
    markets=(env().trading_market,),
    catch_up=Latest(within=timedelta(minutes=env().entry_window_minutes_before_close)),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=5),
    on_doubt="skip",
    waits_for=why_not_enter,
    tries_again=timedelta(seconds=45),
)
def entry_signals(occurrence: Occurrence, **_: Any) -> Any:
    """Return what was wanted, sent and refused."""
    now, day = partial(moment, occurrence.nominal_at), occurrence.session_date
    return service.generate_entries(broker=broker(), at=now(), run=occurrence.run_id, session_date=day, now=now)
