"""Write the runs of a start of the system: one of each line whose job is also at `system_start`.

When the system starts, and who owes these runs after a death, is the business of `thor.leadership.start`. They are rows
of the ledger with an origin of their own, beside what `plan()` decides, and their ids follow from the entry and the
instant: however often they are written, they are there once. A slot that is due at the same time finds the run in its
way, as it would any other (`overlap`). A line that is paused gets its row, which says so.
"""

from collections.abc import Iterable
from datetime import datetime

from thor.jobs import events, requests
from thor.jobs.decision import Deposed
from thor.jobs.models import Lane
from thor.jobs.planned import due_row
from thor.jobs.schedule import Row
from thor.jobs.spec import SYSTEM_START
from thor.leadership import term
from thor.leadership.term import Reign
from thor.timing import Clock, Occurrence
from thor.timing import Entry as TimedEntry

ORIGIN = "system start"


def start_system(reign: Reign, rows: Iterable[Row], clock: Clock) -> None:
    """Write the runs that this reign owes, if any, and note it; raise `Deposed` where a newer one has begun."""
    at = reign.owed_start
    if at is None:
        return
    if not term.is_current(reign.term, reign.seat):
        raise Deposed
    due = [row for row in rows if SYSTEM_START in row.timed.also_at and _is_in_force(row.timed, at)]
    # Not asked for by a lane: whoever leads sends everything that is owed before it decides anything.
    planned = [due_row(row, _occurrence(row.timed, at, clock.now()), clock, Lane.DIRECT) for row in due]
    requests.insert(planned, clock.wall())
    term.note_start(at)
    events.emit("thor.system.started", at=at.isoformat(), term=reign.term, entries=[row.name for row in due])


def _occurrence(timed: TimedEntry, at: datetime, now: datetime) -> Occurrence:
    return Occurrence(timed.id, at, now + requests.PATIENCE, timed.market, origin=ORIGIN)


def _is_in_force(timed: TimedEntry, at: datetime) -> bool:
    """Tell whether the line may have occurrences at `at`: neither before nor after its time, and in its window."""
    is_between = (timed.start is None or timed.start <= at) and (timed.until is None or at < timed.until)
    return is_between and (timed.always or any(span.start <= at < span.end for span in timed.spans().touching(at, at)))
