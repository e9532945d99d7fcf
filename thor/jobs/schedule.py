"""The schedule in the memory of a leader: every line as `timing.plan()` and the publisher take it.

Every periodic task counts, whoever made it. A fingerprint of the columns that decide *when* a line fires tells an edit
from a rename; an edited line is decided from the moment of its edit on, so that no edit makes occurrences in the past.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from thor.errors import ThorError
from thor.jobs import events, lines
from thor.jobs.cadences import cadence_of
from thor.jobs.lines import CHUNK, Line, Noted, Stamp
from thor.jobs.models import Entry
from thor.jobs.registry import specs
from thor.jobs.spec import JobSpec
from thor.markets.sessions import sessions_of
from thor.timing import Entry as TimedEntry
from thor.timing import Sessions, Window, parse_window

#: What makes a line unreadable: arguments that are no JSON, a window, zone or market that does not exist.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError)


class NotThatKind(ThorError, ValueError):
    """Arguments are a JSON list, keyword arguments and headers a JSON object."""


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


class Changes(NamedTuple):
    """What a look at the schedule found: lines that are new or changed, and the identities of those gone."""

    changed: list[Row]
    gone: list[UUID]


class Schedule:
    """The lines as they were at the last look. A look costs what was written since the one before."""

    def __init__(self) -> None:
        self._stamps: dict[int, Stamp] = {}
        self._ids: dict[int, UUID] = {}

    def look(self, at: datetime, *, progress: Callable[[], None] = lambda: None) -> Changes:
        """Return what changed; lines seen for the first time get an identity, and are decided from `at` on.

        `progress` is called again and again, since a long schedule takes longer to read than a lease lives. A line
        that cannot be read is left out and said once.
        """
        lines.identify(at)
        progress()
        found = lines.stamps()
        # Lines of jobs are few, and depend on what no stamp shows: the calendar of their market.
        stale = [pk for pk, stamp in found.items() if stamp.is_a_jobs or self._stamps.get(pk) != stamp]
        changes = Changes([], [self._ids.pop(pk) for pk in self._ids.keys() - found.keys()])
        for chunk in self._chunks(stale, everything=len(stale) == len(found)):
            progress()
            self._take(chunk, at, changes)
        self._stamps = found
        return changes

    @staticmethod
    def _chunks(stale: list[int], *, everything: bool) -> Iterator[list[Line]]:
        if everything:
            found = lines.read()
            yield from iter(lambda: list(islice(found, CHUNK)), [])
            return
        for first in range(0, len(stale), CHUNK):
            yield list(lines.read(stale[first : first + CHUNK]))

    def _take(self, found: Iterable[Line], at: datetime, changes: Changes) -> None:
        noted: list[Noted] = []
        for line in found:
            row = _readable(line, at, noted)
            if row is not None:
                self._ids[line.pk] = row.id
                changes.changed.append(row)
            elif line.pk in self._ids:
                changes.gone.append(self._ids.pop(line.pk))
        lines.note(noted)


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


def row_of_entry(entry: UUID) -> Row | None:
    """Return the line of an entry that is not on the agenda: switched off, or a one-off task that is done."""
    pk = Entry.objects.filter(id=entry).values_list("task_id", flat=True).first()
    found = list(lines.read([pk])) if pk else []
    try:
        return row_of(found[0]) if found else None
    except UNREADABLE:
        return None


def version_of(line: Line, spec: JobSpec | None) -> str:
    """Return a fingerprint of what decides when the line fires; `enabled` counts for a user's own line alone.

    For a job's line `enabled` is the gate's, and windows and pauses are judged by `plan()` and by the claim.
    """
    own = None if line.job else line.enabled
    cadence = cadence_of(line, spec).text()
    seen = (cadence, own, line.start_time, line.expires, line.one_off, line.window, line.market, bool(line.paused))
    return hashlib.blake2b(repr(seen).encode(), digest_size=12).hexdigest()


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


def _readable(line: Line, at: datetime, noted: list[Noted]) -> Row | None:
    try:
        line = _with_edit(line, at, noted)
        if line.retired_at is not None or not (line.enabled or line.job):
            return None
        return row_of(line)
    except UNREADABLE as error:
        if (line.pk, str(error)) not in _said:
            _said.add((line.pk, str(error)))
            events.emit("thor.entry.unreadable", entry=line.name, reason=str(error))
        return None


def _with_edit(line: Line, at: datetime, noted: list[Noted]) -> Line:
    """Return the line as it is decided from now on: an edit since the last look moves its `since` to `at`."""
    version = version_of(line, specs().get(line.job) if line.job else None)
    if version == line.version and line.name == line.known_as:
        return line
    is_new = not line.version and bool(line.job)  # its `since` is when it was declared
    since = line.since if version == line.version or is_new else at
    noted.append(Noted(line.entry, since, version, line.name))
    return line._replace(since=since, version=version, known_as=line.name)


def _timed(line: Line, spec: JobSpec | None) -> TimedEntry:
    policies: dict[str, Any] = {}
    if spec is not None:
        policies = {"also_at": spec.also_at, "catch_up": spec.catch_up, "deadline": spec.deadline}
    elif line.expire_seconds:
        policies = {"deadline": timedelta(seconds=line.expire_seconds)}
    return TimedEntry(
        id=line.entry,
        cadence=cadence_of(line, spec),
        since=line.since,
        window=_window(line.window),
        sessions=sessions_of(line.market) if line.market else None,
        market=line.market,
        start=line.start_time,
        until=line.expires,
        paused=bool(line.paused),
        **policies,
    )


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
    found = {name: value for name in _OPTIONS if (value := getattr(line, name)) is not None}
    if spec is not None:
        found.setdefault("queue", spec.queue)
    return found or _NO_OPTIONS


_OPTIONS = ("queue", "exchange", "routing_key", "priority")
_NO_OPTIONS: dict[str, Any] = {}


def _ended_pause(line: Line) -> tuple[datetime, datetime] | None:
    if line.paused or line.paused_at is None or line.resumed_at is None:
        return None
    return line.paused_at, line.resumed_at
