"""Write one decision: that time has passed up to an instant, and which runs it brought, in one step.

PostgreSQL gets a single autocommit statement, so that a leader that freezes cannot hold the row against its successor;
SQLite one transaction that takes the write lock at its start. Both demand the term: a deposed leader writes nothing.

The order of writes, and what a death in between leaves:

    decide     the rows and `decided_until`, together       died before: nothing happened, a successor decides it
    publish    messages with the ids of the rows            died before: rows above `published_seq` are published again
    (nothing)  `published_seq` rides on the next decision   died before: messages twice, claimed once
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django_celery_beat.models import PeriodicTask

from thor.errors import ThorError
from thor.jobs import binary
from thor.jobs.models import LIVE, Entry, Run, State
from thor.leadership.models import Leader
from thor.leadership.seat import SCHEDULER, Part, Seat


class Deposed(ThorError):
    """Another scheduler has raised the term; this one no longer leads."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row about to be written. `blocked_by` names the states of earlier runs that forbid it: live, due or none.

    `folds` says that it may be counted into the row of the slot before it, where both are overlaps: no other row of
    its entry comes between them by the same decision.
    """

    uid: UUID
    entry: UUID
    name: str
    task: str
    market: str
    session_date: date | None
    once_on: date | None
    nominal_at: datetime
    origin: str
    due_at: datetime
    deadline_at: datetime
    state: str
    reason: str
    lane: int
    last_at: datetime | None
    folded_from: datetime | None
    count: int
    queue: str
    exclusive: bool
    repeatable: bool
    brief: bool
    time_limit: float | None
    blocked_by: str
    folds: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write: the rows, how far time is decided by them, what was published before, one-off tasks now done.

    `next_due` is for people to see: the instant at which anything is due next. A one-off line that is done has no
    version any more, so whoever switches it on again has edited it.
    """

    term: int
    at: datetime
    until: datetime | None
    published_seq: int
    planned: Sequence[Planned] = ()
    done: Sequence[int] = ()
    next_due: datetime | None = None
    seat: Seat = SCHEDULER


@dataclass(frozen=True, slots=True)
class Written:
    """A row that is in the ledger now, with its place in the order of decisions."""

    uid: UUID
    seq: int
    state: str


OVERLAP = "overlap"
#: Overlaps in a row are one row of the ledger, a new one each minute.
FOLDED = timedelta(minutes=1)

COLUMNS = tuple(field.name for field in fields(Planned) if field.name not in ("blocked_by", "folds"))

_TYPES = {
    "uid": "uuid", "entry": "uuid", "name": "text", "task": "text", "market": "text", "session_date": "date",
    "once_on": "date", "nominal_at": "timestamptz", "origin": "text", "due_at": "timestamptz",
    "deadline_at": "timestamptz", "state": "text", "reason": "text", "lane": "int", "last_at": "timestamptz",
    "folded_from": "timestamptz", "count": "int",
    "queue": "text", "exclusive": "bool", "repeatable": "bool", "brief": "bool",
    "time_limit": "float8", "blocked_by": "text", "folds": "bool",
}  # fmt: skip

_values = attrgetter(*_TYPES)

_ALIVE = """
    SELECT 1 FROM jobs_run r WHERE r.entry = p.entry AND (
        (r.state = 'due' AND r.deadline_at > %(at)b) OR (r.state = 'started' AND p.blocked_by = 'live'))
"""
#: The newest row of the entry, if it is an overlap of the last minute: it takes the next one too. One row a minute is
#: enough to see how long a body stands in the way, and the figures of the last minute still see it.
_SKIPPED_BEFORE = """
    SELECT r.seq, COALESCE(r.last_at, r.nominal_at) >= p.nominal_at AS is_counted
      FROM (SELECT seq, state, reason, nominal_at, last_at FROM jobs_run
             WHERE b.blocked AND p.folds AND entry = p.entry AND origin = '' AND nominal_at <= p.nominal_at
             ORDER BY nominal_at DESC LIMIT 1) r
     WHERE r.state = 'skipped' AND r.reason = 'overlap'
       AND r.nominal_at < p.nominal_at AND r.nominal_at > p.nominal_at - interval '1 minute'
"""
_INSTEAD = {
    "state": "CASE WHEN blocked THEN 'skipped' ELSE p.state END",
    "reason": "CASE WHEN blocked THEN 'overlap' ELSE p.reason END",
}

# The commit need not wait for the disk: what a crash of the server takes back is decided again, under the same ids, by
# a leader whose connection broke with it; and the commit of a claim, which does wait, brings its decision to the disk.
_STATEMENT = f"""
WITH reign AS (
    UPDATE leadership_leader
       SET decided_until = GREATEST(decided_until, %(until)b), published_seq = GREATEST(published_seq, %(published)b),
           next_due_at = %(next_due)b, jobs_led_at = COALESCE(%(jobs_led)b, jobs_led_at)
     WHERE id = %(row)b AND term = %(term)b
    RETURNING term, set_config('synchronous_commit', 'off', true)
), one_off AS (
    UPDATE django_celery_beat_periodictask SET enabled = false
     WHERE id = ANY(%(done)b::int[]) AND EXISTS (SELECT 1 FROM reign)
), ended AS (
    UPDATE jobs_entry SET version = '' WHERE task_id = ANY(%(done)b::int[]) AND EXISTS (SELECT 1 FROM reign)
), judged AS (
    SELECT p.*, b.blocked, f.seq AS folds_into, f.is_counted
      FROM reign, unnest({", ".join(f"%({name})b::{kind}[]" for name, kind in _TYPES.items())})
        AS p({", ".join(_TYPES)}),
           LATERAL (SELECT p.state = 'due' AND p.blocked_by <> '' AND EXISTS ({_ALIVE}) AS blocked) b
           LEFT JOIN LATERAL ({_SKIPPED_BEFORE}) f ON true
), folded AS (
    UPDATE jobs_run r SET last_at = j.last_at, count = r.count + j.number
      FROM (SELECT folds_into, max(nominal_at) AS last_at, sum(count)::int AS number
              FROM judged WHERE NOT is_counted GROUP BY folds_into) j
     WHERE r.seq = j.folds_into
), planned AS (
    INSERT INTO jobs_run ({", ".join(COLUMNS)}, term, decided_at, attempt, hostname, result, error)
    SELECT {", ".join(_INSTEAD.get(name, f"p.{name}") for name in COLUMNS)}, reign.term, %(at)b, 0, '', '', ''
      FROM reign, judged p WHERE p.folds_into IS NULL
    ON CONFLICT DO NOTHING
    RETURNING uid, seq, state
)
SELECT reign.term, planned.uid, planned.seq, planned.state FROM reign LEFT JOIN planned ON true
"""  # noqa: S608  (only names of our own columns are put in)


def decide(decision: Decision) -> list[Written]:
    """Write the decision and return the rows that are new; raise `Deposed` where the term is no longer ours.

    Rows that a predecessor had written already are left as they are, and are not returned.
    """
    if connection.vendor == "postgresql":
        return _decide_on_postgresql(decision)
    return _decide_in_a_transaction(decision)


def _decide_on_postgresql(decision: Decision) -> list[Written]:
    columns = zip(*map(_values, decision.planned), strict=True) if decision.planned else [()] * len(_TYPES)
    parameters = {
        "row": decision.seat.row,
        "term": decision.term,
        "until": decision.until,
        "published": decision.published_seq,
        "at": decision.at,
        "done": list(decision.done),
        "next_due": decision.next_due,
        "jobs_led": decision.at if Part.JOBS in decision.seat.parts else None,
        **{name: list(values) for name, values in zip(_TYPES, columns, strict=True)},
    }
    rows = binary.execute(_STATEMENT, parameters)
    if not rows:
        raise Deposed
    return [Written(uid, seq, state) for _, uid, seq, state in rows if uid is not None]


def _decide_in_a_transaction(decision: Decision) -> list[Written]:
    with transaction.atomic():
        changed = Leader.objects.filter(id=decision.seat.row, term=decision.term).update(**_marks(decision))
        if not changed:
            raise Deposed
        if decision.done:
            PeriodicTask.objects.filter(id__in=decision.done).update(enabled=False)
            Entry.objects.filter(task_id__in=decision.done).update(version="")
        if not decision.planned:
            return []
        return _insert(decision)


def _marks(decision: Decision) -> dict[str, object]:
    marks: dict[str, object] = {
        "published_seq": Greatest("published_seq", decision.published_seq),
        "next_due_at": decision.next_due,
    }
    if Part.JOBS in decision.seat.parts:
        marks["jobs_led_at"] = decision.at
    if decision.until is not None:
        # Only one leader writes here, and its time never goes back: no need for a comparison, whose null would win.
        marks["decided_until"] = decision.until
    return marks


def _insert(decision: Decision) -> list[Written]:
    blocking = _blocking({row.entry for row in decision.planned if row.blocked_by}, decision.at)
    known = set(Run.objects.filter(uid__in=[row.uid for row in decision.planned]).values_list("uid", flat=True))
    runs = [(row, _run(row, decision, blocking)) for row in decision.planned if row.uid not in known]
    fresh = [run for row, run in runs if run.reason != OVERLAP or not (row.folds and _folded(run))]
    Run.objects.bulk_create(fresh, ignore_conflicts=True)
    found = Run.objects.filter(uid__in=[run.uid for run in fresh]).values_list("uid", "seq", "state")
    return [Written(*row) for row in found.order_by("seq")]


def _folded(run: Run) -> bool:
    """Count a skipped run in the row of those skipped just before it; tell whether there is one."""
    earlier = Run.objects.filter(entry=run.entry, origin="", nominal_at__lte=run.nominal_at).order_by("-nominal_at")
    last = earlier.first()
    if last is None or (last.state, last.reason) != (State.SKIPPED, OVERLAP):
        return False
    if run.nominal_at - last.nominal_at >= FOLDED:
        return False
    if (last.last_at or last.nominal_at) < run.nominal_at:
        earlier.filter(seq=last.seq).update(last_at=run.nominal_at, count=F("count") + run.count)
    return True


def _blocking(entries: set[UUID], at: datetime) -> dict[UUID, set[str]]:
    states: dict[UUID, set[str]] = {}
    alive = Q(state=State.STARTED) | Q(state=State.DUE, deadline_at__gt=at)
    found = Run.objects.filter(alive, entry__in=entries, state__in=LIVE)
    for entry, state in found.values_list("entry", "state"):
        states.setdefault(entry, set()).add(state)
    return states


def _run(row: Planned, decision: Decision, blocking: dict[UUID, set[str]]) -> Run:
    values = {name: getattr(row, name) for name in COLUMNS}
    against = {"live": set(LIVE), "due": {State.DUE}}.get(row.blocked_by, set())
    if row.state == State.DUE and blocking.get(row.entry, set()) & against:
        values |= {"state": State.SKIPPED, "reason": OVERLAP}
    return Run(**values, term=decision.term, decided_at=decision.at)
