"""Store how often each signal has worked, a symbol, in the minute before a market opens.

It may not begin after the bell: the capture then computes the same figures itself.
"""

from datetime import timedelta
from typing import Any

from thor.jobs import job
from thor.marketdata.services import preopen_backtest as service
from thor.timing import Between, Latest, Occurrence, OncePerSession


@job(
    cadence=OncePerSession(),
    window=Between("open-60s", "open"),
    markets="control",
    catch_up=Latest(within=timedelta(minutes=1)),
    queue="market_data",
    repeatable=True,
    time_limit=timedelta(seconds=55),
    on_doubt="run",
)
def preopen_backtest(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many symbols have a track record now."""
    return service.store_track_records(
        market=occurrence.market, at=occurrence.nominal_at, session_date=occurrence.session_date
    )
