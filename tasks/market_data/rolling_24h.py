"""Keep open, high, low, last and volume of each instrument since Tokyo's open; freeze them at New York's close.

A slot that was missed needs no repeat: the next one computes the session from all of its bars.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import rolling_24h as service
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(seconds=30),
    window=During("open"),
    also_at=("session_end",),
    markets="venues",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def rolling_24h(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many rows were written and how many were frozen."""
    return service.update_rolling_24h(market=occurrence.market, at=occurrence.nominal_at)
