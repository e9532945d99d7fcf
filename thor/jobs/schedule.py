"""The schedule in the memory of a leader: every line as `timing.plan()` and the publisher take it.

Every periodic task counts, whoever made it. A fingerprint of the columns that decide *when* a line fires tells an edit
from a rename; an edited line is decided from the moment of its edit on, so that no edit makes occurrences in the past.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from celery import current_app

from thor.errors import ThorError
from thor.jobs import events, lines
from thor.jobs.binary import CHUNK
from thor.jobs.cadences import cadence_of
from thor.jobs.lines import Glance, Line, Noted, Stamp
from thor.jobs.models import Entry
from thor.jobs.registry import specs
from thor.jobs.spec import JobSpec
from thor.jobs.versions import version_of
from thor.leadership.seat import BOTH, Part
from thor.markets.registry import market
from thor.markets.sessions import sessions_of
from thor.timing import Cadence, Sessions, Window, jittered, parse_window
from thor.timing import Entry as TimedEntry

#: What makes a line unreadable: arguments that are no JSON, a window, zone or market that does not exist.
#: Who reports progress while a long schedule is read.
Progress = Callable[[], None]
#: In a schedule with fewer lines than this every look compares all of them.
MANY = 2000
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, ThorError)


class NotThatKind(ThorError, ValueError):
    """Arguments are a JSON list, keyword arguments and headers a JSON object."""


class NoSuchJob(ThorError):
    """The line is one of a job that is declared elsewhere."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the schedule: when it is due (`timed`), what is sent, and how it is treated."""

    pk: int
    name: str
    timed: TimedEntry
    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: dict[str, Any]
    headers: dict[str, Any]
    one_off: bool
    version: str
    spec: JobSpec | None
    pauses: tuple[datetime, datetime] | None = None

    @property
    def id(self) -> UUID:
        """Return the identity of the entry."""
        return self.timed.id

    @property
    def part(self) -> Part:
        """Tell whose line it is: that of a job, or somebody's own."""
        return Part.OTHERS if self.spec is None else Part.JOBS


class Changes(NamedTuple):
    """What a look at the schedule found: lines that are new or changed, and the identities of those gone."""

    changed: list[Row]
    gone: list[UUID]


class Schedule:
    """The lines as they were at the last look. A look costs what was written since the one before."""

    def __init__(self, parts: frozenset[Part] = BOTH) -> None:
        """Know no line yet; only those of `parts` are taken."""
        self._parts = parts
        self._stamps: dict[int, int | None] = {}
        self._ids: dict[int, UUID] = {}
        self._seen: Glance | None = None

    def look(self, at: datetime, *, writes: bool = True, progress: Progress = lambda: None) -> Changes:
        """Compare every line with the last look; those seen for the first time are decided from `at` on.

        `progress` is called again and again, since a long schedule takes longer to read than a lease lives. Without
        `writes`, which are the leader's, lines that are new or edited are left for a later look. A line that cannot
        be read is left out and said once.
        """
        if writes:
            lines.identify(at)
        self._seen = lines.glance(self._seen)
        progress()
        return self._differences(at, writes, progress) if self._stamps else self._everything(at, writes, progress)

    def look_at_edits(self, at: datetime) -> Changes:
        """Return what was saved lately; where that does not explain what was announced, compare every line.

        A save leaves its time in the row. What was deleted, or changed by a statement of somebody's own, leaves none.
        """
        before = self._seen
        seen = lines.glance(before) if before and len(self._stamps) >= MANY else None
        if before is None or seen is None:
            return self.look(at)
        self._seen = seen
        new = len(set(seen.saved) - self._stamps.keys())
        if new:
            lines.identify(at)
        stale = self._stale(lines.stamps(seen.saved)) if len(seen.saved) < MANY else []
        if not stale or seen.schedules != before.schedules or seen.number != before.number + new:
            return self.look(at)
        return self._read(stale, at, writes=True, progress=lambda: None)

    def forget(self, pks: Sequence[int]) -> list[UUID]:
        """Take these lines for new at the next look, whatever they say then; return who they were."""
        self._stamps.update(dict.fromkeys(pks))
        return [self._ids.pop(pk) for pk in pks if pk in self._ids]

    def _everything(self, at: datetime, writes: bool, progress: Progress) -> Changes:
        changes, found = Changes([], []), lines.stamped()
        while chunk := list(islice(found, CHUNK)):
            self._take(chunk, at, writes, changes)
            progress()
        return changes

    def _differences(self, at: datetime, writes: bool, progress: Progress) -> Changes:
        found = list(lines.stamps())
        gone = self._stamps.keys() - {stamp.pk for stamp in found}
        changes = self._read(self._stale(found), at, writes, progress)
        for pk in gone:
            del self._stamps[pk]
            self._forget(pk, changes)
        return changes

    def _stale(self, found: Iterable[Stamp]) -> list[int]:
        """Return the lines that say something new; a job's depends on what no stamp shows, its market's calendar."""
        return [stamp.pk for stamp in found if stamp.job or self._stamps.get(stamp.pk) != stamp.value]

    def _read(self, pks: list[int], at: datetime, writes: bool, progress: Progress) -> Changes:
        changes = Changes([], [])
        for first in range(0, len(pks), CHUNK):
            self._take(lines.stamped(pks[first : first + CHUNK]), at, writes, changes)
            progress()
        return changes

    def _take(self, found: Iterable[tuple[Line, int]], at: datetime, writes: bool, changes: Changes) -> None:
        noted: list[Noted] = []
        for line, stamp in found:
            known = len(noted)
            row = _readable(line, at, noted, self._parts)
            if len(noted) > known and not writes:
                self._stamps[line.pk] = None
                continue
            # What could not be read is tried again at each look: a calendar may be there by then.
            is_off = _is_off(line) or _part(line) not in self._parts
            self._stamps[line.pk] = stamp if row is not None or is_off else None
            if row is None:
                self._forget(line.pk, changes)
            else:
                self._ids[line.pk] = row.id
                changes.changed.append(row)
        if writes:
            lines.note(noted)

    def _forget(self, pk: int, changes: Changes) -> None:
        if pk in self._ids:
            changes.gone.append(self._ids.pop(pk))


def row_of(line: Line) -> Row:
    """Return a line as the leader takes it."""
    spec = specs().get(line.job) if line.job else None
    return Row(
        pk=line.pk,
        name=line.name,
        timed=_timed(line, spec),
        task=line.task,
        args=_json(line.args or "[]", list),
        kwargs=_json(line.kwargs or "{}", dict),
        options=_options(line, spec),
        headers=_json(line.headers or "{}", dict),
        one_off=line.one_off,
        version=line.version,
        spec=spec,
        pauses=_ended_pause(line),
    )


def seen_at(line: Line, at: datetime) -> Line:
    """Return a line as a look at `at` takes it: an edit since the last look moves its `since` there."""
    version = version_of(line)
    is_new = not line.version and bool(line.job)  # its `since` is when it was declared
    since = line.since if version == line.version or is_new else at
    return line._replace(since=_shared(since), version=version, known_as=line.name)


def rows_of_entries(entries: Iterable[UUID]) -> dict[UUID, Row | None]:
    """Return the lines of entries that are not on the agenda: switched off, done, or not readable now (None)."""
    pks = Entry.objects.filter(id__in=list(entries), task__isnull=False).values_list("task_id", flat=True)
    return {line.entry: _row_or_none(line) for line in lines.read(pks)}


def _row_or_none(line: Line) -> Row | None:
    try:
        return row_of(line)
    except UNREADABLE:
        return None


def is_paused(entry: Entry) -> bool:
    """Tell whether an operator has paused the entry."""
    return hasattr(entry, "control") and entry.control.paused


def window_of(entry: Entry) -> tuple[Window, Sessions | None]:
    """Return the window of an entry, and the sessions that it is judged by."""
    return _window(entry.window), sessions_of(entry.market) if entry.market else None


def is_in_window(entry: Entry, at: datetime) -> bool:
    """Tell whether the window of an entry is open at an instant."""
    window, sessions = window_of(entry)
    return any(span.start <= at < span.end for span in window.spans(sessions, at, at))


_said: set[tuple[int, str]] = set()


def _readable(line: Line, at: datetime, noted: list[Noted], parts: frozenset[Part]) -> Row | None:
    try:
        line = _with_edit(line, at, noted)
        if _is_off(line) or _part(line) not in parts or _sleeps(line):
            return None
        if line.job not in specs() and Part.OTHERS not in parts:
            raise NoSuchJob(f"this process has no job {line.job!r}; its line waits for one that has.")
        return row_of(line)
    except UNREADABLE as error:
        if (line.pk, str(error)) not in _said:
            _said.add((line.pk, str(error)))
            events.emit("thor.entry.unreadable", entry=line.name, reason=str(error))
        return None


def _is_off(line: Line) -> bool:
    return line.retired_at is not None or not (line.enabled or line.job)


def _part(line: Line) -> Part:
    return Part.JOBS if line.job else Part.OTHERS


def _with_edit(line: Line, at: datetime, noted: list[Noted]) -> Line:
    seen = seen_at(line, at)
    if (seen.version, seen.name) != (line.version, line.known_as):
        noted.append(Noted(line.entry, seen.since, seen.version, line.name))
    return seen


def _sleeps(line: Line) -> bool:
    """Tell whether the line belongs to a market that is not active, and is about to be retired."""
    return bool(line.market) and not market(line.market).active


def _timed(line: Line, spec: JobSpec | None) -> TimedEntry:
    policies: dict[str, Any] = {}
    if spec is not None:
        policies = {"also_at": spec.also_at, "catch_up": spec.catch_up, "deadline": spec.deadline}
    elif line.expire_seconds:
        policies = {"deadline": timedelta(seconds=line.expire_seconds)}
    return TimedEntry(
        id=line.entry,
        cadence=_cadence(line, spec),
        since=line.since,
        window=_window(line.window),
        sessions=sessions_of(line.market) if line.market else None,
        market=line.market,
        start=line.start_time,
        until=line.expires,
        paused=bool(line.paused),
        **policies,
    )


def _cadence(line: Line, spec: JobSpec | None) -> Cadence:
    cadence = cadence_of(line, spec)
    return jittered(cadence, line.entry, spec.jitter) if spec is not None and spec.jitter else cadence


@lru_cache(maxsize=1024)
def _window(text: str) -> Window:
    return parse_window(text)


@lru_cache(maxsize=1024)
def _json(text: str, kind: type) -> Any:
    found = json.loads(text)
    if not isinstance(found, kind):
        raise NotThatKind(f"{text} is JSON, but no {'list' if kind is list else 'object'}.")
    return found


def _options(line: Line, spec: JobSpec | None) -> dict[str, Any]:
    queue = line.queue if line.queue is not None or spec is None else spec.queue
    return _shared_options(line.task, queue, line.exchange, line.routing_key, line.priority)


@lru_cache(maxsize=4096)
def _shared_options(task: str, *values: Any) -> dict[str, Any]:
    """Return where messages go as `apply_async` would say: the line, else the task, else the app's `task_routes`."""
    own = {name: value for name, value in zip(_OPTIONS, values, strict=True) if value is not None}
    declared = current_app.tasks.get(task)
    for name in _OPTIONS:
        value = getattr(declared, name, None)
        if value is not None:
            own.setdefault(name, value)
    route = current_app.amqp.router.route(dict(own), task, (), {})
    found = {name: route[name] for name in _OPTIONS if route.get(name) is not None}
    return {**found, "queue": str(found["queue"].name)}


@lru_cache(maxsize=4096)
def _shared(at: datetime) -> datetime:
    """Return one object for all instants that are equal: lines are many, and made at a few moments."""
    return at


_OPTIONS = ("queue", "exchange", "routing_key", "priority")


def _ended_pause(line: Line) -> tuple[datetime, datetime] | None:
    if line.paused or line.paused_at is None or line.resumed_at is None:
        return None
    return line.paused_at, line.resumed_at
