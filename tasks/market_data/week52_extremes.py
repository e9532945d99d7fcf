"""Keep the 52-week and all-time extremes of every instrument, every two seconds.

A slot that was missed needs no repeat: the next one compares the whole session so far. The slot at the end of a session
sees its last prices.
"""

from datetime import timedelta
from typing import Any

from thor.jobs import job
from thor.marketdata.services import week52
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(seconds=2),
    window=During("open"),
    also_at=("session_end",),
    markets="venues",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
    time_limit=timedelta(minutes=5),
)
def week52_extremes(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many rows were moved, and how many extremes are new."""
    return week52.update_week52(market=occurrence.market, at=occurrence.nominal_at)
