"""Make the rows of the schedule that declared jobs call for, and leave every other row alone.

A row is ours as long as it says what the declaration last wrote there. What an operator has edited stays edited: the
declaration may change, and the rest of the row follows it, but the edited part does not. What the environment pins is
no operator's to edit: it is written whatever the row says, and follows again once its variable is gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from thor.jobs import lines
from thor.jobs.cadences import cadence_of
from thor.jobs.models import Entry, SessionSchedule
from thor.jobs.registry import owned, specs
from thor.jobs.spec import BadJob, JobSpec
from thor.markets.models import Market
from thor.timing import Cron, Every, OncePerSession

#: Noted with the declaration of a line that is retired because its market is not active.
ASLEEP = "asleep"
ONCE_A_SESSION = "once a session"
_PERIODS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


class NameTaken(BadJob):
    """A user's own periodic task has the name that a job's row would get."""


@dataclass(slots=True)
class Report:
    """Which rows were made, changed, retired and taken up again, by name."""

    made: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether anything was written."""
        return bool(self.made or self.changed or self.retired)


def sync_jobs(*, at: datetime) -> Report:
    """Upsert a row for every owned job on each of its markets; retire rows whose job or market is gone."""
    report = Report()
    with transaction.atomic():
        wanted = {(spec.name, key): spec for spec in owned().values() for key in markets_of(spec)}
        for (_, market), spec in wanted.items():
            _upsert(spec, market, at, report)
        gone = [entry.pk for entry in _jobs_lines() if (entry.job, entry.market) not in wanted]
        _retire(_jobs_lines().filter(pk__in=gone), at, report)
        if report:
            PeriodicTasks.update_changed()
    return report


def follow_activity(*, at: datetime) -> Report:
    """Wake the lines of markets that were made active, and put those of other markets to sleep; return which.

    For the leader, at any time: what a job declares, and which jobs there are, is the business of `sync_jobs` alone,
    since this process may be older than the one that ran it, or have other jobs.
    """
    report = Report()
    with transaction.atomic():
        for spec in owned().values():
            if Entry.objects.filter(job=spec.name).exists():
                for market in markets_of(spec):
                    _wake(spec, market, at, report)
        asleep = list(Market.objects.filter(active=False).values_list("key", flat=True))
        _retire(_jobs_lines().filter(market__in=asleep), at, report)
        if report:
            PeriodicTasks.update_changed()
    return report


def entry_name(spec: JobSpec, market: str) -> str:
    """Return the name of the periodic task: the job, and the market it works on."""
    return f"{spec.name} @ {market}" if market else spec.name


def markets_of(spec: JobSpec) -> list[str]:
    """Return the keys of the active markets of a job; one empty key for a job that belongs to none."""
    if spec.markets is None:
        return [""]
    active = Market.objects.filter(active=True)
    if isinstance(spec.markets, str):
        roles = {"venues": Market.Role.VENUE, "control": Market.Role.CONTROL}
        if spec.markets not in roles:
            raise BadJob(f'job {spec.name!r}: markets={spec.markets!r}; write "venues", "control" or a tuple of keys.')
        return list(active.filter(role=roles[spec.markets]).values_list("key", flat=True))
    known = set(Market.objects.values_list("key", flat=True))
    for key in spec.markets:
        if key not in known:
            raise BadJob(f"job {spec.name!r}: there is no market {key!r}; the markets are {', '.join(sorted(known))}.")
    return list(active.filter(key__in=spec.markets).values_list("key", flat=True))


def _upsert(spec: JobSpec, market: str, at: datetime, report: Report) -> None:
    entry = Entry.objects.select_related("task").filter(job=spec.name, market=market).first()
    declared = _declared(spec)
    if entry is None or entry.task is None:
        _make(spec, market, at, declared, entry)
        report.made.append(entry_name(spec, market))
    elif entry.retired_at is not None or entry.defaults != declared or _strays(entry, entry.task, spec):
        _follow(entry, entry.task, spec, declared)
        report.changed.append(entry.name)


def _wake(spec: JobSpec, market: str, at: datetime, report: Report) -> None:
    """Give a market its line if it has none, or had one that was put to sleep with its market."""
    entry = Entry.objects.select_related("task").filter(job=spec.name, market=market).first()
    is_asleep = entry is not None and entry.retired_at is not None and ASLEEP in entry.defaults
    if is_asleep or (entry is None and _jobs_lines().filter(job=spec.name).exists()):
        _upsert(spec, market, at, report)


def restore_pinned(tasks: Iterable[PeriodicTask]) -> dict[str, str]:
    """Give back the schedule of tasks whose cadence is pinned; return the variables that pin it, by name of the task.

    For whoever edits a schedule row that such a task shares with others.
    """
    restored = {}
    for task in tasks:
        entry = Entry.objects.filter(task=task).first()
        spec = specs().get(entry.job) if entry is not None else None
        if spec is not None and "cadence" in spec.pinned:
            _set_schedule(task, spec)
            task.save()
            restored[task.name] = spec.pinned["cadence"]
    return restored


def _strays(entry: Entry, task: PeriodicTask, spec: JobSpec) -> bool:
    """Tell whether a row says something that is not its operator's to say."""
    if "window" in spec.pinned and entry.window != spec.window.text():
        return True
    is_moved = "cadence" in spec.pinned and any(getattr(task, name) != row for name, row in _schedule(spec).items())
    return is_moved or _is_carried_by_an_interval(spec, task)


def _is_carried_by_an_interval(spec: JobSpec, task: PeriodicTask) -> bool:
    """Tell whether a once-a-session entry is from the time before these had a row of their own."""
    if not isinstance(spec.cadence, OncePerSession):
        return False
    return not SessionSchedule.objects.filter(pk=task.interval_id).exists()


def _declared(spec: JobSpec) -> dict[str, Any]:
    return {"cadence": spec.cadence.text(), "window": spec.window.text(), "queue": spec.queue}


def _make(spec: JobSpec, market: str, at: datetime, declared: dict[str, Any], entry: Entry | None) -> None:
    name = entry_name(spec, market)
    if PeriodicTask.objects.filter(name=name).exists():
        raise NameTaken(f"a periodic task named {name!r} is there already and is not Thor's; rename it in the admin.")
    task, _ = PeriodicTask.objects.update_or_create(
        name=name,
        defaults={"task": spec.name, "queue": spec.queue, "description": spec.summary, **_schedule(spec)},
    )
    values = {"task": task, "name": name, "window": spec.window.text(), "since": at, "defaults": declared}
    if entry is not None:
        Entry.objects.filter(pk=entry.pk).update(**values, retired_at=None)
    else:
        # A periodic task of that name may have been known before as a user's own line.
        Entry.objects.update_or_create(task=task, defaults={**values, "job": spec.name, "market": market})


def _follow(entry: Entry, task: PeriodicTask, spec: JobSpec, declared: dict[str, Any]) -> None:
    """Bring the parts that nobody edited, and those that are pinned, up to the declaration."""
    before = entry.defaults
    (line,) = lines.read([task.pk])
    if "cadence" in spec.pinned or cadence_of(line, spec).text() == before.get("cadence"):
        _set_schedule(task, spec)
    if task.queue == before.get("queue"):
        task.queue = spec.queue
    if "window" in spec.pinned or entry.window == before.get("window"):
        entry.window = declared["window"]
    entry.defaults, entry.retired_at = declared, None
    task.save()
    entry.save()


def _set_schedule(task: PeriodicTask, spec: JobSpec) -> None:
    for name, row in _schedule(spec).items():
        setattr(task, name, row)


def _schedule(spec: JobSpec) -> dict[str, Any]:
    """Return the schedule columns of a job; once-a-session entries share a row of their own."""
    empty: dict[str, Any] = {"interval": None, "crontab": None, "solar": None, "clocked": None}
    cadence = spec.cadence
    if isinstance(cadence, Cron):
        row, _ = CrontabSchedule.objects.get_or_create(
            minute=cadence.minute,
            hour=cadence.hour,
            day_of_month=cadence.day_of_month,
            month_of_year=cadence.month_of_year,
            day_of_week=cadence.day_of_week,
            timezone=cadence.zone,
        )
        return {**empty, "crontab": row}
    if not isinstance(cadence, Every):
        a_day = {"every": 86_400, "period": "seconds"}  # spelt as nobody else spells it, so nobody comes across it
        session, _ = SessionSchedule.objects.get_or_create(name=ONCE_A_SESSION, defaults=a_day)
        return {**empty, "interval": session.intervalschedule_ptr}
    seconds = int(cadence.period.total_seconds())
    period, size = next((name, size) for name, size in _PERIODS if seconds % size == 0)
    values = {"every": seconds // size, "period": period}
    # There may be several equal ones: django-celery-beat's admin lets people make them.
    intervals = IntervalSchedule.objects.filter(**values, sessionschedule=None).order_by("pk")
    return {**empty, "interval": intervals.first() or IntervalSchedule.objects.create(**values)}


def _jobs_lines() -> QuerySet[Entry]:
    return Entry.objects.select_related("task").exclude(job="").filter(retired_at__isnull=True)


def _retire(entries: QuerySet[Entry], at: datetime, report: Report) -> None:
    asleep = set(Market.objects.filter(active=False).values_list("key", flat=True))
    for entry in entries:
        entry.retired_at, entry.gated = at, False
        if entry.market in asleep:
            entry.defaults = {**entry.defaults, ASLEEP: True}
        entry.save(update_fields=["retired_at", "gated", "defaults"])
        PeriodicTask.objects.filter(pk=entry.task_id).update(enabled=False)
        report.retired.append(entry.name)
