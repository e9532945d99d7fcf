"""What must be true whatever happened.

Pure: it reads the ledger's rows and the workers' own log, and says what is wrong.

The ledger and the log are written by different hands: a body that ran without a claim, or a claim whose body never ran,
shows as a difference between the two.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from uuid import UUID

DONE = frozenset({"succeeded", "failed", "skipped", "missed", "lost", "handed_over"})
#: A run may only have been started by a body if it ended, or stands, in one of these.
RAN = frozenset({"started", "succeeded", "failed", "lost"})
#: The database's clock and the workers' are one here; the log is written with microseconds.
ROUNDING = 0.001
#: So many seconds after an overload all must be well again, and for so many it is watched that it is.
RECOVERY, WATCHED = 15.0, 10.0
#: What may still be missed while it is watched, and how late the median of the starts may be, in seconds.
STILL_MISSED, STILL_LATE = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger; instants are seconds since 1970."""

    seq: int
    uid: UUID
    entry: UUID
    name: str
    state: str
    reason: str
    nominal_at: float
    last_at: float | None
    due_at: float
    decided_at: float
    started_at: float | None
    finished_at: float | None
    count: int
    term: int
    attempt: int
    worker: str
    exclusive: bool
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Body:
    """A body that began, and when it ended, if it did."""

    uid: UUID
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class WorkerFault:
    """Something that may cost a worker's claimed runs: the whole worker's, or those of one process of its pool."""

    worker: str
    since: float
    until: float

    def explains(self, row: Row) -> bool:
        """Tell whether the loss of a run may come from this."""
        if row.worker != self.worker or row.started_at is None or row.finished_at is None:
            return False
        return row.started_at <= self.until and self.since <= row.finished_at


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the schedule that nobody touched: each of its slots from `since` on must be spoken of."""

    entry: UUID
    period: float
    since: float


@dataclass(frozen=True, slots=True)
class Overload:
    """Between these instants far more fell due than the workers could do; for a while after it nothing else happens."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class History:
    """All that is known about one run of chaos; what is nominal after `horizon` had no time to end."""

    rows: Sequence[Row]
    bodies: Sequence[Body]
    faults: Sequence[WorkerFault]
    lines: Sequence[Line]
    reigns: Sequence[tuple[int, str]]
    horizon: float
    crashes: Sequence[str] = ()
    has_recovered: bool = True
    overloads: Sequence[Overload] = ()


def check(history: History) -> list[str]:
    """Return a sentence for everything that must not be."""
    return [finding for rule in RULES for finding in rule(history)]


def started_once(history: History) -> Iterator[str]:
    """Each run that is not repeatable starts at most once; nothing starts without a row."""
    rows = {row.uid: row for row in history.rows}
    for uid, number in Counter(body.uid for body in history.bodies).items():
        row = rows.get(uid)
        if row is None:
            yield f"run {uid} started without a row in the ledger"
        elif row.state not in RAN:
            yield f"{_named(row)} started although the ledger says {row.state}: {row.reason}"
        elif number > (row.attempt if row.repeatable else 1):
            yield f"{_named(row)} started {number} times"


def log_agrees(history: History) -> Iterator[str]:
    """What succeeded has a body that ended, and a claim of its own."""
    ended = {body.uid for body in history.bodies if body.end is not None}
    for row in history.rows:
        if row.state == "succeeded" and row.nominal_at <= history.horizon and row.uid not in ended:
            yield f"{_named(row)} succeeded, but its body never ended"
        if row.state == "succeeded" and row.attempt != 1 and not row.repeatable:
            yield f"{_named(row)} was claimed {row.attempt} times"


def none_early(history: History) -> Iterator[str]:
    """No body starts before its nominal time, and no row is written before it."""
    nominal = {row.uid: row for row in history.rows}
    for body in history.bodies:
        row = nominal.get(body.uid)
        if row is not None and body.start < row.nominal_at - ROUNDING:
            yield f"{_named(row)} started {row.nominal_at - body.start:.3f} s early"
    for row in history.rows:
        if row.decided_at < row.nominal_at - ROUNDING:
            yield f"{_named(row)} was decided {row.nominal_at - row.decided_at:.3f} s early"


def lost_with_cause(history: History) -> Iterator[str]:
    """A run is lost only where its worker was hurt after the claim."""
    for row in history.rows:
        if row.state == "lost" and not any(fault.explains(row) for fault in history.faults):
            yield f"{_named(row)} is lost on {row.worker} ({row.reason}), which nothing had happened to"


def ended_once(history: History) -> Iterator[str]:
    """Every occurrence is in one end state, with a reason where it did not run."""
    for row in history.rows:
        if row.nominal_at <= history.horizon and row.state not in DONE:
            yield f"{_named(row)} never ended: it is {row.state}"
        if row.state in ("skipped", "missed", "lost") and not row.reason:
            yield f"{_named(row)} is {row.state} without a reason"
    for uid, number in Counter(row.uid for row in history.rows).items():
        if number > 1:
            yield f"run {uid} has {number} rows"


def every_slot_accounted_for(history: History) -> Iterator[str]:
    """Each slot of an undisturbed line is in exactly one row."""
    rows = defaultdict(list)
    for row in history.rows:
        rows[row.entry].append(row)
    for line in history.lines:
        yield from _gaps(line, rows[line.entry], history.horizon)


def _gaps(line: Line, rows: Iterable[Row], horizon: float) -> Iterator[str]:
    spoken = Counter(slot for row in rows for slot in _slots(row, line.period))
    first, last = math.floor(line.since / line.period) + 1, math.floor(horizon / line.period)
    missing = [slot for slot in range(first, last + 1) if slot not in spoken]
    twice = [slot for slot, number in spoken.items() if number > 1]
    if missing:
        yield f"entry {line.entry}: {len(missing)} slots are in no row, the first of {missing[0] * line.period:.0f}"
    if twice:
        yield f"entry {line.entry}: {len(twice)} slots are in two rows, the first of {twice[0] * line.period:.0f}"
    for row in rows:
        if row.count != len(_slots(row, line.period)):
            yield f"{_named(row)} to {row.last_at} counts {row.count} slots"


def _slots(row: Row, period: float) -> range:
    last = row.nominal_at if row.last_at is None else row.last_at
    return range(round(row.nominal_at / period), round(last / period) + 1)


def terms_rise(history: History) -> Iterator[str]:
    """Decisions stand in the order of their terms: none of a deposed leader after its successor's first."""
    for before, after in pairwise(sorted(history.rows, key=lambda row: row.seq)):
        if after.term < before.term:
            yield f"{_named(after)} was decided in term {after.term}, after term {before.term} had begun"


def one_writer_a_term(history: History) -> Iterator[str]:
    """No two schedulers ever led in the same term."""
    holders: Mapping[int, set[str]] = defaultdict(set)
    for term, holder in history.reigns:
        holders[term].add(holder)
    for term, names in holders.items():
        if len(names) > 1:
            yield f"term {term} was claimed by {', '.join(sorted(names))}"


def no_overlap(history: History) -> Iterator[str]:
    """Two runs of an exclusive entry never run at the same time."""
    rows = {row.uid: row for row in history.rows if row.exclusive}
    lives = defaultdict(list)
    for body in history.bodies:
        row = rows.get(body.uid)
        if row is not None and body.end is not None:
            lives[row.entry].append((body.start, body.end, row))
    for entry in lives.values():
        for (_, end, first), (start, _, second) in pairwise(sorted(entry, key=lambda life: life[0])):
            if start < end - ROUNDING:
                yield f"{_named(first)} was still running when {_named(second)} began"


def nobody_crashed(history: History) -> Iterator[str]:
    """No process ends but by a fault."""
    yield from history.crashes


def came_back(history: History) -> Iterator[str]:
    """Once everything is mended, everything runs again, and nobody has to help."""
    if not history.has_recovered:
        yield "the schedule did not run again after everything was mended"


def back_to_normal(history: History) -> Iterator[str]:
    """Some seconds after an overload, what falls due starts in time again."""
    steady = {line.entry for line in history.lines}
    starts = {body.uid: body.start for body in history.bodies}
    for overload in history.overloads:
        since = overload.end + RECOVERY
        when = f"{RECOVERY:.0f} s after the overload until {overload.end:.0f}"
        rows = [row for row in history.rows if row.entry in steady and since <= row.nominal_at < since + WATCHED]
        missed = sum(row.count for row in rows if row.state == "missed" and row.reason.startswith("deadline"))
        late = [starts[row.uid] - row.nominal_at for row in rows if row.uid in starts]
        if missed > STILL_MISSED * sum(row.count for row in rows):
            yield f"{missed} of {len(rows)} runs are missed {when}"
        if late and median(late) > STILL_LATE:
            yield f"runs start {median(late):.1f} s late {when}"


RULES = (
    started_once, log_agrees, none_early, lost_with_cause, ended_once, every_slot_accounted_for, terms_rise,
    one_writer_a_term, no_overlap, nobody_crashed, came_back, back_to_normal,
)  # fmt: skip


def _named(row: Row) -> str:
    return f"{row.name} of {row.nominal_at:.3f}"
