"""Sample the last price and cumulative volume of every symbol once a minute: what VWAP is computed from.

Samples are taken by data time, so a slot that came early, late or folded heals with the next one.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import vwap
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(minutes=1),
    window=During("open"),
    markets="venues",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def vwap_minute(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many symbols were sampled."""
    return vwap.sample_minute(market=occurrence.market, at=occurrence.nominal_at, first_at=occurrence.folded_from)
