"""Figures of the scheduler, read from the ledger: what only the ledger can tell, whichever process asks.

A ledger may hold millions of runs and is asked every few seconds, so each question here meets an index: what was
decided lately is the end of the order of decisions (`seq`), what waits and what ended badly have indexes of their own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from celery import current_app
from django.db import connection
from django.db.models import Count, Min, Q, QuerySet, Sum

from thor.jobs.ledger import SILENCE
from thor.jobs.models import Control, Lane, Run, State, Worker

WINDOW = timedelta(minutes=1)
QUANTILES = (0.5, 0.9, 0.99)
#: How many runs back the search for the window's first run begins; each further step is twice as long.
FIRST_STEP = 1024

#: Lateness is that of so many runs at most, the newest of the minute.
SAMPLE = 20_000

_NOT_RUN = (State.MISSED, State.LOST)

#: A run that was dropped by its decision was never to be dispatched. The values are some that occur, as in `quantiles`.
_LATENESS = f"""
SELECT task,
       percentile_disc(ARRAY{list(QUANTILES)}) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - due_at)::float8)
           FILTER (WHERE state <> 'skipped' AND (state <> 'missed' OR finished_at IS NOT NULL)),
       percentile_disc(ARRAY{list(QUANTILES)}) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - due_at)::float8)
           FILTER (WHERE started_at IS NOT NULL)
  FROM jobs_run WHERE seq > %s AND decided_at > %s GROUP BY task
"""  # noqa: S608  (only numbers of our own are put in)


@dataclass(frozen=True, slots=True)
class Figures:
    """The last minute of the ledger, and what stands in it now.

    `decided`: (task, state, reason) to the number of occurrences decided in that minute; `dispatched` and `started`:
    task to the `QUANTILES` of the seconds from the moment a run was due to its decision, and to the start of its body;
    `not_run`: state to the occurrences that ended so in that minute, whenever they were decided; `running`: runs that
    have started and not ended; `paused`: entries that an operator has paused; `workers`: those heard of lately.
    """

    decided: dict[tuple[str, str, str], int]
    dispatched: dict[str, list[float]]
    started: dict[str, list[float]]
    not_run: dict[str, int]
    waiting: dict[str, "Waiting"]
    running: int
    paused: int
    workers: int


@dataclass(slots=True)
class Waiting:
    """The runs of one queue that wait for a worker.

    `published` were sent to the queue, `held` wait in the ledger until it has room; `oldest` is how many seconds ago
    the oldest of them was due, those apart that are tried again.
    """

    published: int = 0
    held: int = 0
    oldest: float = 0.0


def figures(wall: datetime) -> Figures:
    """Return the figures of the minute that ends at `wall`, and of the instant itself."""
    since = wall - WINDOW
    newest, place = _place_of(since)
    recent = Run.objects.filter(seq__gt=place, decided_at__gt=since)
    decided, dropped = _decided(recent)
    dispatched, started = _lateness(max(place, newest - SAMPLE), since)
    live = Run.objects.extra(where=["state IN ('due', 'started')"])  # literally what the index says, for SQLite
    return Figures(
        decided=decided,
        dispatched=dispatched,
        started=started,
        not_run=_not_run(dropped, since),
        waiting=_waiting(live.filter(state=State.DUE), wall),
        running=live.filter(state=State.STARTED).count(),
        paused=Control.objects.filter(paused=True, entry__task__isnull=False).count(),
        workers=Worker.objects.filter(seen_at__gt=wall - SILENCE).count(),
    )


def _place_of(since: datetime) -> tuple[int, int]:
    """Return the newest place of the ledger, and one that was decided not long before `since`: some steps back."""
    newest = place = Run.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    step = FIRST_STEP
    while place > 0:
        found = Run.objects.filter(seq__lte=place - step).order_by("-seq").values_list("seq", "decided_at").first()
        if found is None:
            break
        place, decided_at = found
        if decided_at < since:
            return newest, place
        step *= 2
    return newest, 0


def _decided(recent: QuerySet[Run]) -> tuple[dict[tuple[str, str, str], int], dict[str, int]]:
    """Count occurrences by task, state and reason; and by state those that their decision itself ended."""
    counted: dict[tuple[str, str, str], int] = {}
    dropped: dict[str, int] = {}
    ended = Sum("count", filter=Q(finished_at__isnull=True), default=0)
    rows = recent.values_list("task", "state", "reason").annotate(number=Sum("count"), dropped=ended)
    for task, state, reason, number, open_ended in rows.order_by():
        # A reason may say more than the kind: "ValueError: no such symbol X". A label must have few values.
        key = (task, state, reason.partition(":")[0])
        counted[key] = counted.get(key, 0) + number
        dropped[state] = dropped.get(state, 0) + open_ended
    return counted, dropped


def _not_run(dropped: dict[str, int], since: datetime) -> dict[str, int]:
    """Count what was dropped by a decision, and what ended unclaimed or unfinished, since then."""
    ended = Run.objects.extra(where=["state IN ('missed', 'lost')"]).filter(finished_at__gt=since)
    found = {str(state): dropped.get(state, 0) for state in _NOT_RUN}
    for state, number in ended.values_list("state").annotate(number=Sum("count")).order_by():
        found[state] += number
    return found


def _waiting(due: QuerySet[Run], wall: datetime) -> dict[str, Waiting]:
    columns = due.values_list("queue").annotate(
        published=Count("seq", filter=Q(lane=Lane.DIRECT)),
        held=Count("seq", filter=Q(lane__gt=Lane.DIRECT)),
        oldest=Min("due_at", filter=Q(reason="")),
    )
    found: dict[str, Waiting] = {}
    for queue, published, held, oldest in columns.order_by():
        one = found.setdefault(queue or current_app.conf.task_default_queue, Waiting())
        one.published += published
        one.held += held
        one.oldest = max(one.oldest, (wall - oldest).total_seconds() if oldest else 0.0)
    return found


Lateness = dict[str, list[float]]


def _lateness(place: int, since: datetime) -> tuple[Lateness, Lateness]:
    if connection.vendor != "postgresql":
        return _counted_lateness(Run.objects.filter(seq__gt=place, decided_at__gt=since))
    with connection.cursor() as cursor:
        cursor.execute(_LATENESS, [place, since])
        rows = cursor.fetchall()
    return {task: found for task, found, _ in rows if found}, {task: found for task, _, found in rows if found}


def _counted_lateness(recent: QuerySet[Run]) -> tuple[Lateness, Lateness]:
    dispatched: Lateness = {}
    started: Lateness = {}
    for run in recent.only("task", "state", "due_at", "decided_at", "started_at", "finished_at"):
        if run.state != State.SKIPPED and (run.state != State.MISSED or run.finished_at):
            dispatched.setdefault(run.task, []).append((run.decided_at - run.due_at).total_seconds())
        if run.lateness_ms is not None:
            started.setdefault(run.task, []).append(run.lateness_ms / 1000)
    return _quantiles(dispatched), _quantiles(started)


def _quantiles(found: Lateness) -> Lateness:
    return {task: quantiles(sorted(values)) for task, values in found.items()}


def quantiles(ascending: list[float]) -> list[float]:
    """Return the `QUANTILES`: each the first value that so many of the values do not exceed."""
    last = len(ascending) - 1
    return [ascending[min(last, max(0, ceil(part * len(ascending)) - 1))] for part in QUANTILES]
