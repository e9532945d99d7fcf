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
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from thor.errors import ThorError
from thor.jobs.claim import Claimed
from thor.jobs.models import Control, Run, State, Worker
from thor.jobs.patience import patiently
from thor.timing import Occurrence

#: A worker that was not heard of for this long is dead: ten of its heartbeats.
SILENCE = timedelta(seconds=10)
#: How long after its time limit a run may still be ended by its worker.
MARGIN = timedelta(seconds=60)
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
    early. A claim that meets a database that is away is made again, under the same token: its answer may have been
    lost and not the claim, and a run that is ours but that nobody carries out would stand for ever.
    """
    token = uuid.uuid4()
    values = {"state": State.STARTED, "token": token, "worker": worker, "hostname": hostname[:200]}
    taken = patiently(lambda: _take(uid, **values))
    if taken is None:
        raise OperationalError("the database did not take the claim")
    if not isinstance(taken, Run):
        raise taken
    return Claimed(uid, token, taken.name, taken.attempt, taken.time_limit, taken.lateness_ms or 0.0, occurrence)


def _take(uid: uuid.UUID, **values: Any) -> Run | Refused:
    """Take the run, or find that it was taken by these very values before; return it, or why it is refused."""
    try:
        with transaction.atomic():
            _claimable(uid).update(**values, attempt=F("attempt") + 1, started_at=Now())
    except IntegrityError:
        return Overlapping()
    columns = Run.objects.only("name", "attempt", "time_limit", "due_at", "started_at")
    return columns.filter(uid=uid, token=values["token"], state=State.STARTED).first() or _refusal(uid)


def _is_paused() -> Exists:
    return Exists(Control.objects.filter(entry_id=OuterRef("entry"), paused=True))


def _claimable(uid: uuid.UUID) -> Any:
    return Run.objects.filter(~_is_paused(), uid=uid, state=State.DUE, deadline_at__gt=Now())


def _refusal(uid: uuid.UUID) -> Refused:
    """Record why a run could not be claimed, where that ends it, and return the reason."""
    waiting = Run.objects.filter(uid=uid, state=State.DUE)
    if waiting.filter(deadline_at__lte=Now()).update(state=State.MISSED, reason="deadline", finished_at=Now()):
        return TooLate()
    if waiting.filter(_is_paused()).update(state=State.SKIPPED, reason="paused", finished_at=Now()):
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
    return _finish(run, state=State.FAILED, reason=_clean(reason)[:500], error=_clean(error)[-LONGEST_TEXT:])


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


def lose(uid: uuid.UUID, reason: str, *, worker: uuid.UUID) -> bool:
    """Record that the process of this worker which ran the body is gone; another worker's claim is not touched."""
    started = Run.objects.filter(uid=uid, state=State.STARTED, worker=worker)
    return bool(started.update(state=State.LOST, reason=_clean(reason)[:500], finished_at=Now()))


def _live() -> Any:
    # Literals, since SQLite uses a partial index only where the query says the same as the index.
    return Run.objects.extra(where=["jobs_run.state IN ('due', 'started')"])


def miss_overdue() -> int:
    """End what nobody claimed in time; return how many runs."""
    overdue = _live().filter(state=State.DUE, deadline_at__lt=Now() - timedelta(seconds=1))
    return int(overdue.update(state=State.MISSED, reason="deadline", finished_at=Now()))


def lose_silent() -> int:
    """End runs whose worker has not been heard of for `SILENCE`, by the database's clock; return how many."""
    heard = Worker.objects.filter(boot=OuterRef("worker"), seen_at__gt=Now() - SILENCE)
    silent = _live().filter(~Exists(heard), state=State.STARTED, started_at__lt=Now() - SILENCE)
    return int(silent.update(state=State.LOST, reason="worker fell silent", finished_at=Now()))


def lose_overlong() -> int:
    """End runs that should have been stopped at their time limit: their end could not be written; return how many."""
    ended = 0
    for run in _live().filter(state=State.STARTED, time_limit__isnull=False, started_at__lt=Now() - MARGIN):
        limit = timedelta(seconds=run.time_limit) + MARGIN
        overlong = Run.objects.filter(seq=run.seq, state=State.STARTED, token=run.token, started_at__lt=Now() - limit)
        ended += overlong.update(state=State.LOST, reason="past its time limit", finished_at=Now())
    return ended


def _text(result: Any) -> str:
    if result is None:
        return ""
    try:
        text = json.dumps(result, default=str)
    except (TypeError, ValueError):
        text = repr(result)
    return _clean(text)[:LONGEST_TEXT]


def _clean(text: str) -> str:
    """Return text that every database takes: no zero byte, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
