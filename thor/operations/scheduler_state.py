"""Say when each task of the state file ran last: by the ledger, and by what was imported where that is later.

A time is that of the end of a run. The ledger has it of the wall; in a replay the run's own time is said, since the
wall is years ahead of it.
"""

from datetime import datetime
from typing import Any

from thor.jobs.models import Entry, Run, State
from thor.leadership.clock import process_clock
from thor.timing import ReplayClock
from thor.trading.models import ImportedRun
from thor.trading.records.printing import printed
from thor.trading.state_keys import JOBS


def scheduler_state() -> dict[str, Any]:
    """Return the state: the known keys in the file's order, without those that never ran, then those nobody knows."""
    imported = {row.key: row for row in ImportedRun.objects.all()}
    found: dict[str, Any] = {}
    for key, job in JOBS.items():
        said = imported[key].at if key in imported else None
        times = [time for time in (_last_end(job), said) if time is not None]
        if times:
            found[key] = printed(max(times))
    return found | {key: row.value for key, row in sorted(imported.items()) if key not in JOBS}


def _last_end(job: str) -> datetime | None:
    """Return the end of a job's last run that succeeded, of whatever entry; an index of the ledger answers."""
    is_replay = isinstance(process_clock(), ReplayClock)
    ends: list[datetime] = []
    for entry in Entry.objects.filter(job=job):
        runs = Run.objects.filter(entry=entry.pk, state=State.SUCCEEDED, finished_at__isnull=False)
        newest = runs.order_by("-nominal_at", "-seq").first()
        if newest is not None and newest.finished_at is not None:
            ends.append(newest.nominal_at if is_replay else newest.finished_at)
    return max(ends, default=None)
