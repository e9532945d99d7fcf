"""Capture the figures of a session at its close, and end what is still pending, once a session.

A start after the close captures it all the same, until the next open.
"""

from datetime import timedelta
from typing import Any

from thor.jobs import job
from thor.marketdata.services import market_close_capture as service
from thor.timing import Between, Latest, Occurrence, OncePerSession


@job(
    cadence=OncePerSession(),
    window=Between("close", "next open"),
    markets="control",
    catch_up=Latest(within=timedelta(days=7)),
    queue="market_data",
    repeatable=True,
    time_limit=timedelta(minutes=5),
    on_doubt="run",
)
def market_close_capture(occurrence: Occurrence, **_: Any) -> Any:
    """Return what was written, or what it waits for."""
    return service.capture_close(
        market=occurrence.market, at=occurrence.nominal_at, session_date=occurrence.session_date
    )
