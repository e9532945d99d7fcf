"""Runs that a person asks for: one now, or those of a stretch of the past.

A request is rows of the ledger with an origin of their own; the leader publishes them, a bounded number at a time, and
workers claim them like any other run. Nobody needs the term for it: a request moves no cursor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django_celery_beat.models import PeriodicTask

from thor.errors import ThorError
from thor.jobs import events, lines
from thor.jobs.controls import NoSuchEntry
from thor.jobs.decision import COLUMNS, Planned
from thor.jobs.ledger import BACKFILL
from thor.jobs.models import Lane, Run, State
from thor.jobs.planned import due_row, is_brief
from thor.jobs.retention import kept_for
from thor.jobs.schedule import Row, row_of
from thor.leadership.term import part_decided_until
from thor.timing import Clock, Occurrence, occurrences

#: A run that was asked for may wait this long for a worker.
PATIENCE = timedelta(hours=1)
#: More than this at once is a mistake, or work for a script that goes day by day.
MOST = 10_000
#: How a slot may have ended for a back-fill to try it again.
REOPENED = (State.MISSED, State.SKIPPED, State.LOST)


class TooMany(ThorError):
    """The stretch has more occurrences than one back-fill takes; choose a shorter one."""


class TooOld(ThorError):
    """The stretch begins before the time from which the ledger keeps runs; choose a later start."""


@dataclass(frozen=True, slots=True)
class Backfilled:
    """How many slots a back-fill found, made anew, opened again, and left as they were."""

    slots: int
    made: int
    reopened: int

    @property
    def left(self) -> int:
        """Return how many had run already, or are about to."""
        return self.slots - self.made - self.reopened


def run_now(name: str, *, by: str, clock: Clock) -> UUID:
    """Ask for one run of an entry now, besides its schedule; return the id of the run."""
    row = find_row(name)
    now = clock.now()
    occurrence = Occurrence(row.id, now, now + PATIENCE, row.timed.market, origin=f"manual:{by}"[:100])
    planned = due_row(row, occurrence, clock, Lane.ASKED)
    insert([planned], clock.wall())
    events.emit("thor.run.requested", entry=row.name, by=by, run=planned.uid)
    return planned.uid


def backfill(name: str, *, start: datetime, end: datetime, by: str, clock: Clock) -> Backfilled:
    """Ask for the runs of [start, end) that did not happen; those that did, or are about to, are left alone.

    The stretch ends where time has been decided: what comes after is still to be decided by the leader. It may not
    begin before the time from which the ledger keeps what happened, since that could happen a second time.
    """
    row = find_row(name)
    _refuse_what_was_purged(row, start, clock)
    slots = list(occurrences(row.timed, start, min(end, part_decided_until(row.part) or start), limit=MOST + 1))
    if len(slots) > MOST:
        raise TooMany
    wall = clock.wall()
    found = _known(row.id, [slot.nominal_at for slot in slots])
    reopened = _reopen([seq for seq, state, count in found.values() if state in REOPENED and count == 1], wall)
    fresh = [slot for slot in slots if _is_open(found.get(slot.nominal_at))]
    made = insert([due_row(row, _requested(slot, by, clock), clock, Lane.BEHIND) for slot in fresh], wall)
    events.emit("thor.run.backfilled", entry=row.name, by=by, slots=len(slots), made=made, reopened=reopened)
    return Backfilled(len(slots), made, reopened)


def _refuse_what_was_purged(row: Row, start: datetime, clock: Clock) -> None:
    kept = kept_for(is_brief(row))
    if clock.wall_of(start) < clock.wall() - kept:
        days = f"{kept / timedelta(days=1):g}"
        raise TooOld(f"the ledger keeps runs of {row.name} for {days} days; choose a start that is not older.")


def find_row(name: str) -> Row:
    """Return the line of the schedule of that name."""
    pk = PeriodicTask.objects.filter(name=name, thor_entry__isnull=False).values_list("pk", flat=True).first()
    if pk is None:
        raise NoSuchEntry(f"there is no entry {name!r}; `manage.py jobs` lists them.")
    (line,) = lines.read([pk])
    return row_of(line)


def _known(entry: UUID, instants: list[datetime]) -> dict[datetime, tuple[int, str, int]]:
    runs = Run.objects.filter(entry=entry, nominal_at__in=instants).order_by("seq")
    return {
        at: (seq, state, count) for at, seq, state, count in runs.values_list("nominal_at", "seq", "state", "count")
    }


def _is_open(found: tuple[int, str, int] | None) -> bool:
    """Tell whether a slot has no row of its own: none at all, or one that stands for several."""
    return found is None or (found[1] in REOPENED and found[2] > 1)


def _reopen(seqs: Iterable[int], wall: datetime) -> int:
    again = Run.objects.filter(seq__in=list(seqs), state__in=REOPENED)
    values = {
        "state": State.DUE,
        "reason": BACKFILL,
        "lane": Lane.BEHIND,
        "token": None,
        "finished_at": None,
        "not_before": None,
    }
    return again.update(**values, deadline_at=wall + PATIENCE)


def _requested(slot: Occurrence, by: str, clock: Clock) -> Occurrence:
    return Occurrence(
        slot.entry,
        slot.nominal_at,
        clock.now() + PATIENCE,
        slot.market,
        slot.session_date,
        origin=f"backfill:{by}"[:100],
    )


def insert(planned: list[Planned], wall: datetime) -> int:
    """Write rows beside the decisions of a leader, and return how many; those that are there already are left alone."""
    runs = [Run(**{name: getattr(row, name) for name in COLUMNS}, decided_at=wall) for row in planned]
    for run in runs:
        if run.state == State.DUE:
            run.deadline_at = wall + PATIENCE
        else:
            run.finished_at = wall
    return len(Run.objects.bulk_create(runs, ignore_conflicts=True, batch_size=500))
