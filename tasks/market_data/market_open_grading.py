"""Grade captured trades once a second: which of target and stop was touched first, over every tick.

A slot that was missed needs no repeat: the next one reads on from where the last pass ended. The one at the bell closes
a session again whose close was captured, and has moved to this bell since.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import market_open_grading as service
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(seconds=1),
    window=During("open"),
    also_at=("session_end",),
    markets="control",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def market_open_grading(occurrence: Occurrence, **_: Any) -> Any:
    """Return what was decided and how many rows are pending."""
    return service.grade_open(market=occurrence.market, at=occurrence.nominal_at, session_date=occurrence.session_date)
