"""Read the tables of the schedule: one `Line` a periodic task, as plain columns, with the stamp of what it says.

A schedule may have 100,000 lines and be edited ten times a second, so nothing here makes model objects, and a look
costs what was edited. PostgreSQL computes the stamps: hashes of every column that a line is made of, but for those that
only people look at (when it fired last, and how often), so a line that fires is not a line that changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BigIntegerField, F, Func
from django_celery_beat.models import PeriodicTask

from thor.jobs import binary
from thor.jobs.binary import CHUNK
from thor.jobs.models import Entry

#: By how much the clocks of machines on which people edit may differ.
SKEW = timedelta(seconds=10)
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)


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
#: What the leader itself notes about a line is no change of it.
_NOTED = {"known_as", "since", "version"}
_STAMPED = tuple(name for name in Line._fields if name not in _NOTED)
_stamped = attrgetter(*_STAMPED)
_STAMP = Func(
    *(F(_ELSEWHERE.get(name, name)) for name in _STAMPED),
    template="hash_record_extended(ROW(%(expressions)s), 0::bigint)",
    output_field=BigIntegerField(),
)

_GLANCE = """
SELECT count(*), max(t.date_changed),
       coalesce(array_agg(t.id) FILTER (WHERE t.date_changed >= %(since)b), '{}'),
       (SELECT coalesce(sum(hash_record_extended(i, 0)), 0) FROM django_celery_beat_intervalschedule i)
     + (SELECT coalesce(sum(hash_record_extended(c, 0)), 0) FROM django_celery_beat_crontabschedule c)
     + (SELECT coalesce(sum(hash_record_extended(s, 0)), 0) FROM django_celery_beat_solarschedule s)
     + (SELECT coalesce(sum(hash_record_extended(k, 0)), 0) FROM django_celery_beat_clockedschedule k)
  FROM django_celery_beat_periodictask t
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


class Glance(NamedTuple):
    """What a cheap look shows: how many lines there are, the newest save and all of about that time, the schedules."""

    number: int
    newest: datetime | None
    saved: list[int]
    schedules: Decimal


class Stamp(NamedTuple):
    """What a line said at a look: `value` is equal as long as nothing of it was changed."""

    pk: int
    value: int
    job: str


def read(pks: Iterable[int] | None = None) -> Iterator[Line]:
    """Return the lines of these periodic tasks, or all of them."""
    return (line for line, _ in stamped(pks))


def strangers(at: datetime) -> Iterator[Line]:
    """Return the lines that nobody has identified yet, as they would be from `at` on; nothing is written."""
    for values in PeriodicTask.objects.filter(thor_entry__isnull=True).values_list(*_COLUMNS):
        line = Line._make(values)
        yield line._replace(entry=uuid4(), known_as=line.name, job="", market="", window="always", since=at, version="")


def stamped(pks: Iterable[int] | None = None) -> Iterator[tuple[Line, int]]:
    """Return lines, each with its stamp."""
    tasks = _tasks(pks)
    if connection.vendor != "postgresql":
        for values in tasks.values_list(*_COLUMNS).iterator(chunk_size=CHUNK):
            line = Line._make(values)
            yield line, hash(_stamped(line))
        return
    for *values, stamp in _stream(tasks.values_list(*_COLUMNS, _STAMP)):
        yield Line._make(values), stamp


def stamps(pks: Iterable[int] | None = None) -> Iterator[Stamp]:
    """Return the stamps of these lines, or of all."""
    if connection.vendor != "postgresql":
        yield from (Stamp(line.pk, stamp, line.job) for line, stamp in stamped(pks))
        return
    yield from map(Stamp._make, _stream(_tasks(pks).values_list("pk", _STAMP, "thor_entry__job")))


def glance(before: Glance | None) -> Glance | None:
    """Look at what was saved since the glance `before`; nothing where there is no PostgreSQL to do it cheaply."""
    if connection.vendor != "postgresql":
        return None
    newest = before.newest if before else None
    # The clocks of those who save may differ a little.
    (found,) = binary.execute(_GLANCE, {"since": (newest or _NEVER) - SKEW})
    return Glance._make(found)


def _tasks(pks: Iterable[int] | None = None) -> Any:
    tasks = PeriodicTask.objects.filter(thor_entry__isnull=False)
    return tasks if pks is None else tasks.filter(pk__in=list(pks))


def _stream(query: Any) -> Iterator[tuple[Any, ...]]:
    try:
        statement = query.query.sql_with_params()
    except EmptyResultSet:  # asked for no lines at all
        return iter(())
    return binary.stream(*statement)


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
