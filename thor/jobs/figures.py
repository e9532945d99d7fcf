"""Figures of the scheduler, read from the ledger: what only the ledger can tell, whichever process asks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum

from thor.jobs.models import Run, State

WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """The last minute of the ledger.

    `counts`: (task, state, reason) to the number of occurrences; `lateness`: task to seconds, ascending, from the
    moment a run was due to the start of its body; `backlog`: runs that wait for a worker; `oldest`: seconds that the
    oldest of them has waited.
    """

    counts: dict[tuple[str, str, str], int]
    lateness: dict[str, list[float]]
    backlog: int
    oldest: float


def figures(wall: datetime) -> Figures:
    """Return the figures of the minute that ends at `wall`."""
    recent = Run.objects.filter(due_at__gte=wall - WINDOW, due_at__lt=wall)
    counted = recent.values_list("task", "state", "reason").annotate(number=Sum("count")).order_by()
    lateness: dict[str, list[float]] = {}
    for run in recent.filter(started_at__isnull=False).only("task", "due_at", "started_at"):
        lateness.setdefault(run.task, []).append((run.lateness_ms or 0.0) / 1000)
    waiting = Run.objects.filter(state=State.DUE).aggregate(number=Count("seq"), oldest=Min("due_at"))
    oldest = waiting["oldest"]
    return Figures(
        counts={(task, state, reason): number for task, state, reason, number in counted},
        lateness={task: sorted(found) for task, found in lateness.items()},
        backlog=waiting["number"],
        oldest=max(0.0, (wall - oldest).total_seconds()) if oldest else 0.0,
    )


def quantile(ascending: list[float], part: float) -> float:
    """Return the value below which `part` of the values lie."""
    return ascending[min(len(ascending) - 1, int(part * len(ascending)))]
