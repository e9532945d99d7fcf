"""Keep high, low, range and percentages since each control market opened, every ten seconds.

A slot that was missed needs no repeat: the next one adds up the whole session so far.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import market_metrics as service
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(seconds=10),
    window=During("open"),
    markets="control",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def market_metrics(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many rows were written, or what is waited for."""
    return service.update_market_metrics(
        market=occurrence.market, at=occurrence.nominal_at, session_date=occurrence.session_date
    )
