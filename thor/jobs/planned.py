"""Make the ledger's rows of what the plan says: due, or dropped."""

from datetime import datetime, timedelta
from typing import Any

from thor.jobs.decision import Planned
from thor.jobs.models import Lane, State
from thor.jobs.schedule import Row
from thor.jobs.spec import Overlap
from thor.timing import Clock, Dropped, Occurrence, OncePerSession, ReplayClock, SteppedClock, run_id

BLOCKED_BY = {Overlap.SKIP: "live", Overlap.QUEUE_ONE: "due", Overlap.ALLOW: ""}
LARGEST_COUNT = 2**31 - 1
#: In a replay virtual seconds are short: a run has at least so long on the wall, and at most `LONGEST_ROOM`. Where time
#: goes on only when its run has ended, it always has that long: how fast the machine is must not show in the ledger.
SHORTEST_ROOM, LONGEST_ROOM = timedelta(seconds=5), timedelta(minutes=10)


def due_row(row: Row, occurrence: Occurrence, clock: Clock, lane: Lane = Lane.DIRECT, *, folds: bool = True) -> Planned:
    """Return the row of an occurrence that is to run; its times are the wall's."""
    due_at, deadline_at = _times(occurrence, clock)
    spec = row.spec
    is_once = isinstance(row.timed.cadence, OncePerSession) and not occurrence.origin
    return Planned(
        uid=occurrence.run_id,
        state=State.DUE,
        reason="",
        lane=lane.value,
        nominal_at=occurrence.nominal_at,
        last_at=None,
        folded_from=occurrence.folded_from,
        count=occurrence.folded + 1,
        due_at=due_at,
        deadline_at=deadline_at,
        session_date=occurrence.session_date,
        once_on=occurrence.session_date if is_once else None,
        origin=occurrence.origin,
        exclusive=spec is not None and spec.overlap is not Overlap.ALLOW,
        repeatable=spec is not None and spec.repeatable,
        brief=is_brief(row),
        time_limit=spec.time_limit.total_seconds() if spec else None,
        blocked_by=_blocked_by(row, occurrence),
        folds=folds,
        **_identity(row),
    )


def dropped_row(row: Row, dropped: Dropped, clock: Clock) -> Planned:
    """Return the one row of occurrences in a row that do not run."""
    due_at = clock.wall_of(dropped.first_at)
    return Planned(
        uid=run_id(row.id, dropped.first_at),
        state=State.SKIPPED if dropped.reason == "paused" else State.MISSED,
        reason=dropped.reason,
        lane=Lane.DIRECT.value,
        nominal_at=dropped.first_at,
        last_at=dropped.last_at,
        folded_from=None,
        count=min(dropped.count, LARGEST_COUNT),
        due_at=due_at,
        deadline_at=due_at,
        session_date=None,
        once_on=None,
        origin="",
        exclusive=False,
        repeatable=False,
        brief=is_brief(row),
        time_limit=None,
        blocked_by="",
        folds=False,
        **_identity(row),
    )


def is_brief(row: Row) -> bool:
    """Tell whether the entry has a period under a minute: its successes are kept less long."""
    period = row.timed.cadence.period
    return period is not None and period < timedelta(minutes=1)


def _times(occurrence: Occurrence, clock: Clock) -> tuple[datetime, datetime]:
    due_at = clock.wall_of(occurrence.nominal_at)
    if not isinstance(clock, ReplayClock):
        return due_at, clock.wall_of(occurrence.deadline_at)
    room = occurrence.deadline_at - occurrence.nominal_at
    due_at = max(due_at, clock.next_tick(clock.wall()) - clock.tick)
    shortest = LONGEST_ROOM if isinstance(clock, SteppedClock) else SHORTEST_ROOM
    return due_at, due_at + min(max(room, shortest), LONGEST_ROOM)


def _blocked_by(row: Row, occurrence: Occurrence) -> str:
    """Return what stands in the way of the run. What a person asked for, and the run at a bell, wait their turn."""
    if row.spec is None or occurrence.origin or row.timed.rings_at(occurrence.nominal_at):
        return ""
    return BLOCKED_BY[row.spec.overlap]


def _identity(row: Row) -> dict[str, Any]:
    return {
        "entry": row.id,
        "name": row.name[:200],
        "task": row.task[:200],
        "market": row.timed.market,
        "queue": str(row.options["queue"])[:200],
    }
