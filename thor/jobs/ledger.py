"""The ledger: what a worker and a leader do to a run after it was decided.

    due ──claim──► started ──finish──► succeeded | failed
     │                │
     │ deadline       │ its worker fell silent, or its process died
     ▼                ▼
    missed          lost (due again, where it is repeatable and has time left)

    skipped: overlap, paused, market clock unknown        handed_over: published to a task that cannot claim

A claim is one conditional statement, and only the claimer knows the token that finishes the run: whatever message
comes a second time, or late, or from a leader that was deposed, changes nothing.
"""

import json
import uuid
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, OperationalError
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, SmallIntegerField, Value, When
from django.db.models.functions import Concat, Left, Now

from thor.errors import ThorError
from thor.jobs import statements
from thor.jobs.claim import Claimed
from thor.jobs.models import Lane, Run, State, Worker
from thor.jobs.patience import patiently
from thor.timing import Occurrence

#: A worker that was not heard of for this long is dead: ten of its heartbeats.
SILENCE = timedelta(seconds=10)
#: How long after its time limit a run may still be ended by its worker.
MARGIN = timedelta(seconds=60)
#: How long a claim waits for a database that is away; then the leader publishes the run again.
CLAIM_SECONDS = 5.0
#: A repeatable run that is lost this many times ends as lost: most likely its body kills the process.
ATTEMPTS = 5
LONGEST_TEXT = 4000
LONGEST_REASON = 500
#: The reason of a run that nobody began in time.
DEADLINE = "deadline"
#: The reason of a run that a back-fill opened again.
BACKFILL = "back-fill"

#: Name, attempt, time limit in seconds and lateness in milliseconds of a run that was taken.
Taken = tuple[Any, ...]


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
    early. A claim that meets a database that is away is made again for `CLAIM_SECONDS`, under the same token: its
    answer may have been lost and not the claim, and a run that is ours but that nobody carries out would be lost.
    """
    token = uuid.uuid4()
    taken = patiently(lambda: _take(uid, token, worker, hostname[:200]), seconds=CLAIM_SECONDS)
    if taken is None:
        raise OperationalError("the database did not take the claim")
    if isinstance(taken, Refused):
        raise taken
    name, attempt, time_limit, lateness, window = taken
    return Claimed(uid, token, name, attempt, time_limit, lateness, occurrence, window or "")


def _take(uid: uuid.UUID, token: uuid.UUID, worker: uuid.UUID, hostname: str) -> Taken | Refused:
    """Take the run, or find that it was taken under this very token before, or why it is refused."""
    try:
        taken = statements.row(statements.TAKE, token, worker, hostname, uid)
    except IntegrityError:
        return Overlapping()
    return taken or _refusal(uid, token)


def _refusal(uid: uuid.UUID, token: uuid.UUID) -> Taken | Refused:
    """Record why a run could not be claimed, where that ends it; a message that comes again costs one cheap read."""
    found = statements.row(statements.LOOK, token, uid)
    if found is None:
        return UnknownRun()
    state, is_ours, is_late, is_paused, *taken = found
    if state == State.STARTED and is_ours:
        return tuple(taken)
    if state == State.DUE and is_late and _end(uid, State.MISSED, _too_late(), deadline_at__lte=Now()):
        return TooLate()
    if state == State.DUE and is_paused and _end(uid, State.SKIPPED, "paused"):
        return Paused()
    return AlreadyClaimed()


def _end(uid: uuid.UUID, state: State, reason: Any, **conditions: Any) -> bool:
    waiting = Run.objects.filter(uid=uid, state=State.DUE, **conditions)
    return bool(waiting.update(state=state, reason=reason, finished_at=Now()))


def skip(uid: uuid.UUID, reason: str) -> None:
    """End a run that was not claimed."""
    _end(uid, State.SKIPPED, reason)


def leave_out(run: Claimed, reason: str) -> bool:
    """End a claimed run whose body was not called; return whether it was still ours to end."""
    return _finish(run, state=State.SKIPPED, reason=_clean(reason)[:LONGEST_REASON])


def miss(run: Claimed, reason: str) -> bool:
    """End a claimed run whose body was not called and that has no time left to wait in; return whether it was ours."""
    return _finish(run, state=State.MISSED, reason=f"{DEADLINE}: {_clean(reason)}"[:LONGEST_REASON])


def put_off(run: Claimed, reason: str, *, wait: timedelta) -> bool:
    """Let a claimed run whose body was not called come again after `wait` on the wall; its deadline stays."""
    mine = Run.objects.filter(uid=run.uid, token=run.token, state=State.STARTED)
    values = {"state": State.DUE, "lane": Lane.DIRECT, "token": None, "reason": _clean(reason)[:LONGEST_REASON]}
    # The body was not called, so this was no attempt.
    return bool(mine.update(**values, attempt=F("attempt") - 1, not_before=Now() + wait))


def succeed(run: Claimed, result: Any) -> bool:
    """End the run with its result; return whether it was still ours to end."""
    return bool(statements.row(statements.SUCCEED, _text(result), run.uid, run.token))


def fail(run: Claimed, reason: str, error: str) -> bool:
    """End the run with an error; return whether it was still ours to end."""
    return _finish(run, state=State.FAILED, reason=_clean(reason)[:LONGEST_REASON], error=_clean(error)[-LONGEST_TEXT:])


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
    values = {"state": State.DUE, "lane": Lane.DIRECT, "token": None, "reason": "retry"}
    not_before = row.started_at + wait
    return bool(mine.update(**values, not_before=not_before, deadline_at=not_before + room))


def lose(uid: uuid.UUID, reason: str, *, worker: uuid.UUID, is_wanted: bool = False) -> bool:
    """Record that the process of this worker which ran the body is gone; another worker's claim is not touched.

    A run whose end a person wanted (`is_wanted`) is not opened again, repeatable or not.
    """
    started = Run.objects.filter(uid=uid, state=State.STARTED, worker=worker)
    if is_wanted:
        return bool(started.update(state=State.LOST, reason=_clean(reason)[:LONGEST_REASON], finished_at=Now()))
    return bool(_lost(started, _clean(reason)))


def _lost(runs: Any, reason: str) -> int:
    """End runs as lost; those that may be repeated and have time left are opened again and wait to be published."""
    again = Q(repeatable=True, attempt__lt=ATTEMPTS, deadline_at__gt=Now())
    changes = {
        "state": Case(When(again, then=Value(State.DUE)), default=Value(State.LOST)),
        "reason": Case(
            When(again, then=Value(f"lost: {reason}"[:LONGEST_REASON])), default=Value(reason[:LONGEST_REASON])
        ),
        "lane": Case(When(again, then=Value(Lane.HELD)), default=F("lane"), output_field=SmallIntegerField()),
        "finished_at": Case(When(again, then=Value(None)), default=Now(), output_field=DateTimeField()),
    }
    return int(runs.update(token=None, **changes))


def _live() -> Any:
    # Literals, since SQLite uses a partial index only where the query says the same as the index.
    return Run.objects.extra(where=["jobs_run.state IN ('due', 'started')"])


def miss_overdue() -> int:
    """End what nobody claimed in time; return how many runs."""
    overdue = _live().filter(state=State.DUE, deadline_at__lt=Now() - timedelta(seconds=1))
    return int(overdue.update(state=State.MISSED, reason=_too_late(), finished_at=Now()))


def _too_late() -> Case:
    """Return the reason of a run whose deadline has passed: what it had waited for is still told."""
    waited = Left(Concat(Value(f"{DEADLINE}: "), F("reason")), LONGEST_REASON)
    return Case(When(reason="", then=Value(DEADLINE)), default=waited)


def lose_silent() -> int:
    """End runs whose worker has not been heard of for `SILENCE`, by the database's clock; return how many."""
    heard = Worker.objects.filter(boot=OuterRef("worker"), seen_at__gt=Now() - SILENCE)
    silent = _live().filter(~Exists(heard), state=State.STARTED, started_at__lt=Now() - SILENCE)
    return _lost(silent, "worker fell silent")


def lose_overlong() -> int:
    """End runs that should have been stopped at their time limit: their end could not be written; return how many."""
    ended = 0
    for run in _live().filter(state=State.STARTED, time_limit__isnull=False, started_at__lt=Now() - MARGIN):
        limit = timedelta(seconds=run.time_limit) + MARGIN
        overlong = Run.objects.filter(seq=run.seq, state=State.STARTED, token=run.token, started_at__lt=Now() - limit)
        ended += _lost(overlong, "past its time limit")
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
