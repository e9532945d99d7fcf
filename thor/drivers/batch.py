"""Gather what is due at or before an instant: the rows to write, and the messages to send once they are written.

This needs no database and no broker, so it can be done ahead of the instant.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from thor.drivers.agenda import Agenda, unplannable
from thor.drivers.envelope import Message
from thor.jobs.decision import Planned
from thor.jobs.models import Lane
from thor.jobs.planned import dropped_row, due_row
from thor.jobs.schedule import Row
from thor.timing import All, Clock, Plan, ReplayClock, plan

#: How many lines, or messages, are handled between two signs of life.
SLICE = 2000


@dataclass(slots=True)
class Batch:
    """What one decision is about: everything that falls due up to `until`; `done` are one-off lines that end by it."""

    until: datetime
    rows: list[Row] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    messages: dict[UUID, Message] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)


def gather(
    agenda: Agenda,
    *,
    after: Callable[[Row], datetime],
    until: datetime,
    clock: Clock,
    lane_of: Callable[[Row], Lane],
    alive: Callable[[], None],
) -> Batch:
    """Take what is due in (after(line), until] off the agenda, and put each line back with its next time.

    `alive` is called now and then: a hundred thousand lines take longer than a lease lives.
    """
    batch = Batch(until)
    for number, row in enumerate(list(agenda.take_due(until)), 1):
        if number % SLICE == 0:
            alive()
        try:
            found = plan(row.timed, after=after(row), now=until, fold=isinstance(clock, ReplayClock))
        except Exception as error:  # a line whose times cannot be computed must not stop the others
            unplannable(row, error)
            continue
        batch.rows.append(row)
        is_done = row.one_off and bool(found.due)
        agenda.put(row, None if is_done else found.next_at)
        if is_done:
            batch.done.append(row.pk)
        _add(batch, row, found, clock, lane_of(row))
    return batch


def scatter(batch: Batch, agenda: Agenda) -> None:
    """Put the lines of a batch that was gathered ahead back to its instant; those edited meanwhile know better."""
    for row in batch.rows:
        if agenda.rows.get(row.id) is row:
            agenda.put(row, batch.until)


def _add(batch: Batch, row: Row, found: Plan, clock: Clock, lane: Lane) -> None:
    due = found.due[:1] if row.one_off else found.due
    for occurrence in due:
        is_late = isinstance(row.timed.catch_up, All) and occurrence is not due[-1]
        run = due_row(row, occurrence, clock, Lane.BEHIND if is_late else lane, folds=not found.dropped)
        batch.planned.append(run)
        batch.messages[run.uid] = Message(row, occurrence, run.uid, run.deadline_at)
    batch.planned += [dropped_row(row, dropped, clock) for dropped in found.dropped]
