"""Read the rows of the schedule into what `timing.plan()` takes.

Every periodic task counts, whoever made it. A fingerprint of the columns that decide *when* a row fires tells an edit
from a rename; an edited row is decided from the moment of its edit on, so that no edit makes occurrences in the past.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery.schedules import solar
from django_celery_beat.models import PeriodicTask

from thor.jobs import events
from thor.jobs.models import Entry
from thor.jobs.registry import specs
from thor.jobs.spec import JobSpec
from thor.markets.sessions import sessions_of
from thor.timing import Cadence, Cron, Every, Once, OncePerSession, Sessions, Window, parse_window
from thor.timing import Entry as TimedEntry

CHUNK = 500
RELATED = ("interval", "crontab", "solar", "clocked", "thor_entry", "thor_entry__control")


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


@dataclass(frozen=True, slots=True)
class Solar:
    """Fire at a solar event at a place: Celery's own schedule, asked by instant."""

    event: str
    latitude: float
    longitude: float
    period: timedelta | None = None

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first event strictly after `t`."""
        event: Any = self.event  # one of Celery's names, as the row's choices make sure
        found = solar(event, self.latitude, self.longitude, nowfun=lambda: t)
        at: datetime = t + found.remaining_estimate(t)
        return at if at > t else self.next_after(t + timedelta(minutes=1))

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest event not after `t`; an event comes at least once in the last two days, or not at all."""
        found, at = None, self.next_after(t - timedelta(days=2))
        while at is not None and at <= t:
            found, at = at, self.next_after(at)
        return found

    def count(self, after: datetime, until: datetime) -> int:
        """Count the events in (after, until]."""
        number, at = 0, self.next_after(after)
        while at is not None and at <= until:
            number, at = number + 1, self.next_after(at)
        return number

    def text(self) -> str:
        """Return the event and the place."""
        return f"{self.event} at {self.latitude:g}, {self.longitude:g}"


def cadence_of(task: PeriodicTask, spec: JobSpec | None = None) -> Cadence:
    """Return how often a periodic task is due."""
    if spec is not None and isinstance(spec.cadence, OncePerSession):
        return spec.cadence
    if task.interval is not None:
        period = timedelta(**{task.interval.period: task.interval.every})
        anchor = {"anchor": task.start_time} if task.start_time else {}
        return Every(microseconds=period // timedelta(microseconds=1), **anchor)
    if task.crontab is not None:
        row = task.crontab
        fields = (row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week)
        return Cron(*fields, zone=str(row.timezone))
    if task.clocked is not None:
        return Once(task.clocked.clocked_time)
    return Solar(task.solar.event, float(task.solar.latitude), float(task.solar.longitude))


def load(at: datetime, *, progress: Callable[[], None] = lambda: None) -> dict[UUID, Row]:
    """Return every enabled line of the schedule, by identity; lines seen for the first time get theirs at `at`.

    `progress` is called again and again, since a long schedule takes longer to read than a lease lives. A line that
    cannot be read (arguments that are no JSON, a job or market that is gone) is left out and said once.
    """
    tasks = PeriodicTask.objects.select_related(*RELATED)
    _identify(tasks, at)
    progress()
    found: dict[UUID, Row] = {}
    edited: list[Entry] = []
    for number, task in enumerate(tasks.iterator(chunk_size=CHUNK)):
        if number % CHUNK == 0:
            progress()
        row = _readable(task, at, edited)
        if row is not None:
            found[row.id] = row
    for first in range(0, len(edited), CHUNK):
        progress()
        Entry.objects.bulk_update(edited[first : first + CHUNK], ["since", "version", "name"])
    return found


def row_of(task: PeriodicTask, entry: Entry) -> Row:
    """Return the line of one periodic task."""
    spec = specs().get(entry.job) if entry.job else None
    return Row(
        pk=task.pk,
        name=task.name,
        timed=_timed(task, entry, spec),
        task=task.task,
        args=json.loads(task.args or "[]"),
        kwargs=json.loads(task.kwargs or "{}"),
        options=_options(task, spec),
        headers=json.loads(task.headers or "{}"),
        one_off=task.one_off,
        version=version_of(task, entry),
        spec=spec,
        pauses=_ended_pause(entry),
    )


def version_of(task: PeriodicTask, entry: Entry) -> str:
    """Return a fingerprint of what decides when the line fires; `enabled` counts for a user's own line alone.

    For a job's line `enabled` is the gate's, and windows and pauses are judged by `plan()` and by the claim.
    """
    own = None if entry.job else task.enabled
    cadence = cadence_of(task, specs().get(entry.job) if entry.job else None).text()
    seen = (cadence, own, task.start_time, task.expires, task.one_off, entry.window, entry.market, is_paused(entry))
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def is_paused(entry: Entry) -> bool:
    """Tell whether an operator has paused the entry."""
    return hasattr(entry, "control") and entry.control.paused


def window_of(entry: Entry) -> tuple[Window, Sessions | None]:
    """Return the window of an entry, and the sessions that it is judged by."""
    return parse_window(entry.window), sessions_of(entry.market) if entry.market else None


def is_in_window(entry: Entry, at: datetime) -> bool:
    """Tell whether the window of an entry is open at an instant."""
    window, sessions = window_of(entry)
    return any(span.start <= at < span.end for span in window.spans(sessions, at, at))


def _identify(tasks: Any, at: datetime) -> None:
    new = [Entry(task=task, name=task.name, since=at) for task in tasks.filter(thor_entry__isnull=True)]
    Entry.objects.bulk_create(new, ignore_conflicts=True)


_said: set[tuple[int, str]] = set()


def _readable(task: PeriodicTask, at: datetime, edited: list[Entry]) -> Row | None:
    entry = task.thor_entry
    try:
        if _note_version(task, entry, at):
            edited.append(entry)
        if entry.retired_at is not None or not (task.enabled or entry.job):
            return None
        return row_of(task, entry)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if (task.pk, str(error)) not in _said:
            _said.add((task.pk, str(error)))
            events.emit("thor.entry.unreadable", entry=task.name, reason=str(error))
        return None


def _note_version(task: PeriodicTask, entry: Entry, at: datetime) -> bool:
    """Note an edit in the entry: from now on the line is decided from `at`. Return whether there was one."""
    version = version_of(task, entry)
    if version == entry.version and entry.name == task.name:
        return False
    if version != entry.version:
        entry.since = entry.since if not entry.version and entry.job else at
        entry.version = version
    entry.name = task.name
    return True


def _timed(task: PeriodicTask, entry: Entry, spec: JobSpec | None) -> TimedEntry:
    policies: dict[str, Any] = {}
    if spec is not None:
        policies = {"also_at": spec.also_at, "catch_up": spec.catch_up, "deadline": spec.deadline}
    elif task.expire_seconds:
        policies = {"deadline": timedelta(seconds=task.expire_seconds)}
    window, sessions = window_of(entry)
    return TimedEntry(
        id=entry.id,
        cadence=cadence_of(task, spec),
        since=entry.since,
        window=window,
        sessions=sessions,
        market=entry.market,
        start=task.start_time,
        until=task.expires,
        paused=is_paused(entry),
        **policies,
    )


def _options(task: PeriodicTask, spec: JobSpec | None) -> dict[str, Any]:
    names = ("queue", "exchange", "routing_key", "priority")
    found = {name: getattr(task, name) for name in names if getattr(task, name) is not None}
    if spec is not None:
        found.setdefault("queue", spec.queue)
    return found


def _ended_pause(entry: Entry) -> tuple[datetime, datetime] | None:
    control = getattr(entry, "control", None)
    if control is None or control.paused or control.paused_at is None or control.resumed_at is None:
        return None
    return control.paused_at, control.resumed_at
