"""Delete runs that are older than they are kept, a chunk at a time.

A slot that was missed needs no repeat: the next one finds more to delete.
"""

from typing import Any

from thor.jobs import job
from thor.jobs.retention import purge
from thor.timing import Every, Occurrence


@job(cadence=Every(minutes=10), repeatable=True)
def purge_runs(occurrence: Occurrence, **_: Any) -> int:
    """Return how many runs were deleted."""
    return purge()
