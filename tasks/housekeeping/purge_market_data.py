"""Delete bars, samples and incidents of feeds that are older than they are kept, a chunk at a time.

A slot that was missed needs no repeat: the next one finds more to delete.
"""

from datetime import timedelta
from typing import Any

from thor.jobs import job
from thor.marketdata.services import purge_market_data as service
from thor.timing import Every, Occurrence


@job(cadence=Every(hours=1), time_limit=timedelta(minutes=30), repeatable=True)
def purge_market_data(occurrence: Occurrence, **_: Any) -> Any:
    """Return how many of each were deleted."""
    return service.purge_market_data(at=occurrence.nominal_at)
