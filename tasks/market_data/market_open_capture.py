"""Capture signal, entry, target and stop of every future and of all together, once a session, at the open.

A start in the middle of a session captures it all the same: the prices are those of the open, as they were sampled.
"""

from datetime import timedelta
from typing import Any

from thor.jobs import job
from thor.marketdata.services import market_open_capture as service
from thor.timing import Between, Latest, Occurrence, OncePerSession


@job(
    cadence=OncePerSession(),
    window=Between("open", "close"),
    markets="control",
    catch_up=Latest(within=timedelta(days=1)),
    queue="market_data",
    repeatable=True,
    time_limit=timedelta(minutes=2),
    on_doubt="run",
)
def market_open_capture(occurrence: Occurrence, **_: Any) -> Any:
    """Return what was captured, or what it waits for."""
    return service.capture_open(
        market=occurrence.market, at=occurrence.nominal_at, session_date=occurrence.session_date
    )
