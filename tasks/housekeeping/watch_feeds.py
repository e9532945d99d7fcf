"""Notice feeds that are silent while their market is open, also where the feed's own process is dead.

A look that was missed needs no repeat: the next one sees the same silence, and since when.
"""

from typing import Any

from thor.jobs import job
from thor.marketdata.services.feed_watch import watch_feeds as watch
from thor.timing import Every, Occurrence


@job(cadence=Every(seconds=10), repeatable=True)
def watch_feeds(occurrence: Occurrence, **_: Any) -> dict[str, Any]:
    """Return how many venues and symbols are silent."""
    return watch(at=occurrence.nominal_at)
