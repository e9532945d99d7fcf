"""Read the tables of the schedule: one `Line` a periodic task, as plain columns.

A schedule may have 100,000 lines and be edited ten times a second, so nothing here makes model objects, and an edit
costs what it changed: `stamps()` tells the lines that changed since the last look from those that did not.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django_celery_beat.models import PeriodicTask

from thor.jobs.models import Entry

CHUNK = 2000


class Line(NamedTuple):
    """The columns of one periodic task, of its schedule, its entry and its control; None where there is none."""

    pk: int
    name: str
    task: str
    args: str
    kwargs: str
    queue: str | None
    exchange: str | None
    routing_key: str | None
    priority: int | None
    headers: str
    one_off: bool
    enabled: bool
    start_time: datetime | None
    expires: datetime | None
    expire_seconds: int | None
    every: int | None
    period: str | None
    minute: str | None
    hour: str | None
    day_of_month: str | None
    month_of_year: str | None
    day_of_week: str | None
    zone: Any
    event: str | None
    latitude: Any
    longitude: Any
    clocked_at: datetime | None
    entry: UUID
    known_as: str
    job: str
    market: str
    window: str
    since: datetime
    version: str
    retired_at: datetime | None
    paused: bool | None
    paused_at: datetime | None
    resumed_at: datetime | None


_ELSEWHERE = {
    "every": "interval__every",
    "period": "interval__period",
    "minute": "crontab__minute",
    "hour": "crontab__hour",
    "day_of_month": "crontab__day_of_month",
    "month_of_year": "crontab__month_of_year",
    "day_of_week": "crontab__day_of_week",
    "zone": "crontab__timezone",
    "event": "solar__event",
    "latitude": "solar__latitude",
    "longitude": "solar__longitude",
    "clocked_at": "clocked__clocked_time",
    "entry": "thor_entry__id",
    "known_as": "thor_entry__name",
    "job": "thor_entry__job",
    "market": "thor_entry__market",
    "window": "thor_entry__window",
    "since": "thor_entry__since",
    "version": "thor_entry__version",
    "retired_at": "thor_entry__retired_at",
    "paused": "thor_entry__control__paused",
    "paused_at": "thor_entry__control__paused_at",
    "resumed_at": "thor_entry__control__resumed_at",
}
_COLUMNS = tuple(_ELSEWHERE.get(name, name) for name in Line._fields)

#: A row's version in PostgreSQL: the transaction that wrote it, of each table that a line is made of.
_STAMPS = """
SELECT t.id, t.xmin::text || ',' || coalesce(i.xmin::text, '') || ',' || coalesce(c.xmin::text, '') || ','
       || coalesce(s.xmin::text, '') || ',' || coalesce(k.xmin::text, '') || ',' || e.xmin::text || ','
       || coalesce(w.xmin::text, ''), e.job <> ''
  FROM django_celery_beat_periodictask t
  JOIN jobs_entry e ON e.task_id = t.id
  LEFT JOIN jobs_control w ON w.entry_id = e.id
  LEFT JOIN django_celery_beat_intervalschedule i ON i.id = t.interval_id
  LEFT JOIN django_celery_beat_crontabschedule c ON c.id = t.crontab_id
  LEFT JOIN django_celery_beat_solarschedule s ON s.id = t.solar_id
  LEFT JOIN django_celery_beat_clockedschedule k ON k.id = t.clocked_id
"""
_IDENTIFY = """
INSERT INTO jobs_entry (id, task_id, name, job, market, "window", since, version, gated, defaults)
SELECT gen_random_uuid(), t.id, t.name, '', '', 'always', %s, '', true, '{}'
  FROM django_celery_beat_periodictask t LEFT JOIN jobs_entry e ON e.task_id = t.id WHERE e.id IS NULL
    ON CONFLICT DO NOTHING
"""
_NOTE = """
UPDATE jobs_entry e SET since = v.since, version = v.version, name = v.name
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[]) AS v(id, since, version, name) WHERE e.id = v.id
"""


class Noted(NamedTuple):
    """What is remembered of a line that was edited: from when on it is decided, its fingerprint, its name."""

    entry: UUID
    since: datetime
    version: str
    name: str


def read(pks: Iterable[int] | None = None) -> Iterator[Line]:
    """Return the lines of these periodic tasks, or all of them."""
    tasks = PeriodicTask.objects.filter(thor_entry__isnull=False)
    if pks is not None:
        tasks = tasks.filter(pk__in=list(pks))
    for values in tasks.values_list(*_COLUMNS).iterator(chunk_size=CHUNK):
        yield Line._make(values)


class Stamp(NamedTuple):
    """What a line was at a look: `version` is equal as long as nothing of it was written."""

    version: object
    is_a_jobs: bool


def stamps() -> dict[int, Stamp]:
    """Return the stamp of each line."""
    if connection.vendor != "postgresql":
        return {line.pk: Stamp(hash(line), bool(line.job)) for line in read()}
    with connection.cursor() as cursor:
        cursor.execute(_STAMPS)
        return {pk: Stamp(version, is_a_jobs) for pk, version, is_a_jobs in cursor}


def identify(at: datetime) -> None:
    """Give an identity to periodic tasks that have none: they are decided from `at` on."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_IDENTIFY, [at])
        return
    new = PeriodicTask.objects.filter(thor_entry__isnull=True).only("pk", "name")
    Entry.objects.bulk_create([Entry(task=task, name=task.name, since=at) for task in new], ignore_conflicts=True)


def note(noted: Sequence[Noted]) -> None:
    """Remember edits."""
    if not noted:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [list(column) for column in zip(*noted, strict=True)])
        return
    entries = [Entry(id=one.entry, since=one.since, version=one.version, name=one.name) for one in noted]
    Entry.objects.bulk_update(entries, ["since", "version", "name"], batch_size=100)
