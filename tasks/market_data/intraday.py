"""Fold every tick into one-minute bars, once a second.

A slot that was missed needs no repeat: the next one drains the stream from where the last pass ended.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import intraday as service
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(seconds=1),
    window=During("open"),
    markets="venues",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def intraday(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many ticks were folded and how many bars were closed."""
    return service.step_once(market=occurrence.market, at=occurrence.nominal_at)
