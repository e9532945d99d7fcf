"""What the leader asks of the ledger as an outbox: which runs are to be published, and which no more.

A run in the lane `DIRECT` is published with its decision, or again by whoever leads next. In any other lane it waits
here until its queue has room; sending it and then moving it to `DIRECT` may send it twice, and never not at all.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import BigIntegerField, Case, Count, Exists, F, Max, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce, Now

from thor.jobs.models import Entry, Lane, Run, State
from thor.leadership.seat import BOTH, Part

#: A run that is not claimed so long after it was published may be lost, if its queue shows it.
OVERDUE = timedelta(seconds=5)
#: What has less time than this left would come too late.
MARGIN = timedelta(seconds=0.5)
#: How many of the newest runs tell how far a queue has come.
RECENT = 5000

Parts = frozenset[Part]


def skip(uids: Iterable[uuid.UUID], reason: str) -> None:
    """End runs that were not claimed."""
    waiting = Run.objects.filter(uid__in=list(uids), state=State.DUE)
    waiting.update(state=State.SKIPPED, reason=reason, finished_at=Now())


def hand_over(uids: Iterable[uuid.UUID]) -> None:
    """End runs whose task cannot claim: they were published, once, and that is all that can be known."""
    waiting = Run.objects.filter(uid__in=list(uids), state=State.DUE)
    waiting.update(state=State.HANDED_OVER, finished_at=Now())


def newest_seq() -> int:
    """Return the place of the newest row in the order of decisions."""
    return Run.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def owed(published_seq: int, parts: Parts = BOTH) -> list[Run]:
    """Return the runs that were decided and perhaps never published, in order."""
    due = Run.objects.filter(state=State.DUE, lane=Lane.DIRECT, seq__gt=published_seq, deadline_at__gt=Now())
    return list(_of(due, parts).exclude(not_before__gt=Now()).order_by("seq"))


def waiting(parts: Parts = BOTH) -> dict[str, int]:
    """Return the queues for which runs wait, and how many of these were held back."""
    held = Count("seq", filter=Q(lane=Lane.HELD))
    return dict(_waiting(parts).values("queue").annotate(held=held).values_list("queue", "held").order_by())


def next_in(queue: str, most: int, parts: Parts = BOTH) -> list[Run]:
    """Return the runs that go to a queue next, one an entry: asked for, held back, caught up.

    Of what comes again within a minute the newest go first, since the others are soon too late; the rest in order.
    """
    place = Case(When(lane=Lane.HELD, brief=True, then=-F("seq")), default=F("seq"), output_field=BigIntegerField())
    ready = _waiting(parts).exclude(not_before__gt=Now())
    found = ready.filter(queue=queue, deadline_at__gt=Now() + MARGIN).order_by("lane", "brief", place)
    chosen: dict[uuid.UUID, Run] = {}
    for run in found[: 4 * most]:
        chosen.setdefault(run.uid if run.lane != Lane.HELD else run.entry, run)
    return list(chosen.values())[:most]


def released(runs: Sequence[Run]) -> None:
    """Note that these are published."""
    Run.objects.filter(seq__in=[run.seq for run in runs], state=State.DUE).update(lane=Lane.DIRECT)


def unclaimed(parts: Parts = BOTH) -> list[Run]:
    """Return runs that nobody has claimed a while after they were decided, and that nothing holds up."""
    running = Run.objects.filter(entry=OuterRef("entry"), state=State.STARTED)
    due = Run.objects.extra(where=["jobs_run.state IN ('due', 'started')"]).filter(
        state=State.DUE, lane=Lane.DIRECT, decided_at__lt=Now() - OVERDUE, deadline_at__gt=Now() + MARGIN
    )
    waits = Q(not_before__gt=Now() - OVERDUE)
    found = _of(due, parts).exclude(waits).exclude(Exists(running), exclusive=True)
    return list(found.order_by("seq")[:RECENT])


def claimed_up_to(parts: Parts = BOTH) -> dict[str, datetime]:
    """Return, by queue, when the newest run was decided that has come out of it."""
    recent = _of(Run.objects.filter(seq__gt=newest_seq() - RECENT, started_at__isnull=False), parts)
    return dict(recent.values("queue").annotate(at=Max("decided_at")).values_list("queue", "at").order_by())


def hold(runs: Iterable[Run]) -> None:
    """Let these be published again, when their queues have room."""
    Run.objects.filter(seq__in=[run.seq for run in runs], state=State.DUE).update(lane=Lane.HELD)


def put_back(uids: Iterable[uuid.UUID]) -> None:
    """Let these wait in the ledger: nobody has begun them, and whoever leads sends them when they may begin."""
    Run.objects.filter(uid__in=list(uids), state=State.DUE).update(lane=Lane.ASKED)


def spoken_until(entry: uuid.UUID, after: datetime, until: datetime) -> datetime:
    """Return how far in (after, until] the ledger's rows already speak of an entry's slots; `after`, if they do not."""
    rows = Run.objects.filter(entry=entry, origin="", nominal_at__gt=after, nominal_at__lte=until)
    found: datetime | None = rows.aggregate(at=Max(Coalesce("last_at", "nominal_at")))["at"]
    return found or after


def _waiting(parts: Parts) -> "QuerySet[Run]":
    # Literals, since SQLite uses a partial index only where the query says the same as the index.
    return _of(Run.objects.extra(where=["jobs_run.state = 'due' AND jobs_run.lane > 0"]), parts)


def _of(runs: "QuerySet[Run]", parts: Parts) -> "QuerySet[Run]":
    """Keep the runs of these parts of the schedule; what belongs to no job of Thor's is somebody's own."""
    if parts == BOTH:
        return runs
    jobs = Entry.objects.filter(job__gt="").values("id")  # not `exclude`, which finds no index
    return runs.filter(entry__in=jobs) if Part.JOBS in parts else runs.exclude(entry__in=jobs)
