"""How long runs are kept, and the purge of older ones.

Runs are deleted in chunks of their own transactions, oldest first, so that nobody waits for a lock. Nothing that could
still be claimed or published again is ever old enough: the shortest time to keep is a day, and only ended runs go.
"""

from datetime import timedelta
from functools import partial

from django.db.models import Q
from django.db.models.functions import Now

from thor.env import env
from thor.jobs.models import LIVE, Run, State

CHUNK = 2000
#: Chunks of one purge; what is left over goes with the next.
MOST = 500

_FAILURES = Q(state__in=[State.FAILED, State.LOST])
_BRIEF = Q(state=State.SUCCEEDED, brief=True)


def purge(*, chunk: int = CHUNK, most: int = MOST) -> int:
    """Delete what is older than it is kept, by the database's clock; return how many runs."""
    deleted = 0
    for old in _old():
        for size in iter(partial(_delete, old, chunk), 0):
            deleted += size
            if deleted >= chunk * most:
                return deleted
    return deleted


def kept_for(brief: bool) -> timedelta:
    """Return how long successful runs of an entry are kept."""
    settings = env()
    return timedelta(hours=settings.keep_brief_hours) if brief else timedelta(days=settings.keep_runs_days)


def _old() -> tuple[Q, ...]:
    failures = timedelta(days=env().keep_failures_days)
    return (
        _BRIEF & Q(decided_at__lt=Now() - kept_for(True)),
        ~_FAILURES & Q(decided_at__lt=Now() - kept_for(False)),
        _FAILURES & Q(decided_at__lt=Now() - failures),
    )


def _delete(old: Q, chunk: int) -> int:
    chosen = Run.objects.filter(old).exclude(state__in=LIVE).order_by("seq").values_list("seq", flat=True)[:chunk]
    return Run.objects.filter(seq__in=list(chosen)).delete()[0]
