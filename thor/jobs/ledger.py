"""The ledger: what a worker and a leader do to a run after it was decided.

    due ──claim──► started ──finish──► succeeded | failed
     │                │
     │ deadline       │ its worker fell silent, or its process died
     ▼                ▼
    missed          lost            skipped: overlap, paused        handed_over: published to a task that cannot claim

A claim is one conditional statement, and only the claimer knows the token that finishes the run: whatever message
comes a second time, or late, or from a leader that was deposed, changes nothing.
"""

import json
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from thor.errors import ThorError
from thor.jobs.claim import Claimed
from thor.jobs.models import Control, Run, State, Worker
from thor.timing import Occurrence

#: A worker that was not heard of for this long is dead: ten of its heartbeats.
SILENCE = timedelta(seconds=10)
LONGEST_TEXT = 4000
#: The reason of a run that a back-fill opened again.
BACKFILL = "back-fill"


class Refused(ThorError):
    """The run may not start."""


class AlreadyClaimed(Refused):
    """Another worker has the run, or it has ended."""


class TooLate(Refused):
    """The deadline of the run has passed."""


class Paused(Refused):
    """The entry is paused."""


class Overlapping(Refused):
    """An earlier run of the entry is not over."""


class UnknownRun(Refused):
    """The ledger has no such run."""


def claim(uid: uuid.UUID, occurrence: Occurrence, *, worker: uuid.UUID, hostname: str) -> Claimed:
    """Take the run for this worker; raise a `Refused` that says why not, recorded in the ledger where it ends the run.

    The deadline is judged by the database's clock, so a worker whose clock is wrong neither starts late nor refuses
    early.
    """
    token = uuid.uuid4()
    try:
        with transaction.atomic():
            taken = _claimable(uid).update(
                state=State.STARTED,
                token=token,
                worker=worker,
                hostname=hostname[:200],
                attempt=F("attempt") + 1,
                started_at=Now(),
            )
    except IntegrityError:
        raise Overlapping from None
    if not taken:
        raise _refusal(uid)
    run = Run.objects.only("name", "attempt", "time_limit", "due_at", "started_at").get(uid=uid)
    return Claimed(uid, token, run.name, run.attempt, run.time_limit, run.lateness_ms or 0.0, occurrence)


def _claimable(uid: uuid.UUID) -> Any:
    paused = Control.objects.filter(entry_id=OuterRef("entry"), paused=True)
    return Run.objects.filter(~Exists(paused), uid=uid, state=State.DUE, deadline_at__gt=Now())


def _refusal(uid: uuid.UUID) -> Refused:
    """Record why a run could not be claimed, where that ends it, and return the reason."""
    waiting = Run.objects.filter(uid=uid, state=State.DUE)
    if waiting.filter(deadline_at__lte=Now()).update(state=State.MISSED, reason="deadline", finished_at=Now()):
        return TooLate()
    if waiting.update(state=State.SKIPPED, reason="paused", finished_at=Now()):
        return Paused()
    return AlreadyClaimed() if Run.objects.filter(uid=uid).exists() else UnknownRun()


def skip(uid: uuid.UUID, reason: str) -> None:
    """End a run that was not claimed."""
    Run.objects.filter(uid=uid, state=State.DUE).update(state=State.SKIPPED, reason=reason, finished_at=Now())


def succeed(run: Claimed, result: Any) -> bool:
    """End the run with its result; return whether it was still ours to end."""
    return _finish(run, state=State.SUCCEEDED, result=_text(result))


def fail(run: Claimed, reason: str, error: str) -> bool:
    """End the run with an error; return whether it was still ours to end."""
    return _finish(run, state=State.FAILED, reason=reason[:500], error=error[-LONGEST_TEXT:])


def _finish(run: Claimed, **values: Any) -> bool:
    mine = Run.objects.filter(uid=run.uid, token=run.token, state=State.STARTED)
    return bool(mine.update(finished_at=Now(), **values))


def reopen(run: Claimed, *, wait: timedelta) -> bool:
    """Make a run that its body wants to try again claimable once more, its deadline moved by the wait."""
    mine = Run.objects.filter(uid=run.uid, token=run.token, state=State.STARTED)
    row = mine.first()
    if row is None or row.started_at is None:
        return False
    room = row.deadline_at - row.due_at
    return bool(mine.update(state=State.DUE, token=None, reason="retry", deadline_at=row.started_at + wait + room))


def lose(uid: uuid.UUID, reason: str) -> bool:
    """Record that the process which ran the body is gone."""
    started = Run.objects.filter(uid=uid, state=State.STARTED)
    return bool(started.update(state=State.LOST, reason=reason[:500], finished_at=Now()))


def hand_over(uids: Iterable[uuid.UUID]) -> None:
    """End runs whose task cannot claim: they were published, once, and that is all that can be known."""
    waiting = Run.objects.filter(uid__in=list(uids), state=State.DUE)
    waiting.update(state=State.HANDED_OVER, finished_at=Now())


def newest_seq() -> int:
    """Return the place of the newest row in the order of decisions."""
    return Run.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def owed(published_seq: int) -> list[Run]:
    """Return the runs that were decided and perhaps never published, in order."""
    waiting = Run.objects.filter(state=State.DUE, seq__gt=published_seq, deadline_at__gt=Now())
    return list(waiting.order_by("seq"))


def requested(limit: int) -> list[Run]:
    """Return the oldest runs that people asked for and that no worker has claimed."""
    asked = Run.objects.filter(~Q(origin="") | Q(reason=BACKFILL), state=State.DUE, deadline_at__gt=Now())
    return list(asked.order_by("seq")[:limit])


def miss_overdue() -> int:
    """End what nobody claimed in time; return how many runs."""
    overdue = Run.objects.filter(state=State.DUE, deadline_at__lt=Now() - timedelta(seconds=1))
    return overdue.update(state=State.MISSED, reason="deadline", finished_at=Now())


def lose_silent(*, now: datetime) -> int:
    """End runs whose worker has not been heard of for `SILENCE`; return how many."""
    heard = Worker.objects.filter(boot=OuterRef("worker"), seen_at__gt=now - SILENCE)
    old = Q(started_at__lt=now - SILENCE)
    silent = Run.objects.filter(old, ~Exists(heard), state=State.STARTED)
    return silent.update(state=State.LOST, reason="worker fell silent", finished_at=Now())


def _text(result: Any) -> str:
    if result is None:
        return ""
    try:
        text = json.dumps(result, default=str)
    except (TypeError, ValueError):
        text = repr(result)
    return text[:LONGEST_TEXT]
