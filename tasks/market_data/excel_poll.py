"""Read the workbook of the excel feed once a second, and hand its quotes in.

A read that was missed is not repeated: the prices of a moment that has passed cannot be seen any more.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services import excel_poll as service
from thor.timing import During, Every, Occurrence, Skip


@job(
    cadence=Every(seconds=1),
    window=During("open"),
    markets=service.venues(),
    where="where the excel feed is configured",
    catch_up=Skip(),
    queue="market_data",
    repeatable=True,
    on_doubt="run",
)
def excel_poll(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many quotes were handed in."""
    return service.poll_workbook(market=occurrence.market, at=occurrence.nominal_at)
