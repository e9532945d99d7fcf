"""Move closed bars from the queue to the database, once a minute and at the end of each part of a session.

It runs after the close as well: the last bar of a session has no later tick to close it.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import closed_bars
from thor.timing import Always, Every, Occurrence, Skip


@job(
    cadence=Every(minutes=1),
    window=Always(),
    also_at=("session_end", "break_start"),
    markets="venues",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def closed_bars_flush(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many bars were written."""
    return closed_bars.flush(market=occurrence.market, at=occurrence.nominal_at)
