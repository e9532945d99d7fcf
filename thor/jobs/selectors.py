"""Questions about entries and runs, for pages and commands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, Subquery
from django_celery_beat.models import PeriodicTask

from thor.jobs import lines
from thor.jobs.lines import Line
from thor.jobs.models import Entry, Run
from thor.jobs.schedule import UNREADABLE, Row, is_in_window, is_paused, row_of
from thor.timing import next_at


@dataclass(frozen=True, slots=True)
class EntryStatus:
    """One line of the schedule as a person wants to see it. `why` says why it is enabled, or why not."""

    id: str
    task_id: int
    name: str
    job: str
    market: str
    cadence: str
    window: str
    enabled: bool
    why: str
    last_state: str
    last_nominal_at: datetime | None
    last_started_at: datetime | None
    last_finished_at: datetime | None
    last_lateness_ms: float | None
    last_reason: str
    next_at: datetime | None


def latest_runs(limit: int) -> list[Run]:
    """Return the newest runs, by the time at which they were due."""
    return list(Run.objects.order_by("-nominal_at", "-seq")[:limit])


def runs(
    *,
    entry: str | None = None,
    state: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
) -> list[Run]:
    """Return runs, newest first: of one entry, in one state, with nominal instants in [start, end)."""
    wanted = {"name": entry, "state": state, "nominal_at__gte": start, "nominal_at__lt": end}
    found = Run.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return list(found.order_by("-nominal_at", "-seq")[:limit])


def others_enabled() -> int:
    """Return how many periodic tasks are switched on that belong to no job of Thor's."""
    others = Q(thor_entry__isnull=True) | Q(thor_entry__job="")
    number: int = PeriodicTask.objects.filter(others, enabled=True).count()
    return number


def entry_board(at: datetime) -> list[EntryStatus]:
    """Return every line of the schedule with its last and its next run, in order of name."""
    entries = list(
        Entry.objects.filter(task__isnull=False, retired_at__isnull=True)
        .select_related("control", "task__interval", "task__crontab", "task__solar", "task__clocked")
        .order_by("name")
    )
    last = _last_runs(entries)
    found = {line.entry: line for line in lines.read([entry.task_id for entry in entries if entry.task_id])}
    return [_status(entry, found[entry.id], last.get(entry.id), at) for entry in entries if entry.id in found]


def times_of(job: str, *, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` times at which a job is due, as the schedule is by now; fewer where there are no more.

    Of a job on several markets it is the first line, by name; pauses do not count.
    """
    tasks = PeriodicTask.objects.filter(thor_entry__job=job, thor_entry__retired_at__isnull=True).order_by("name")
    row = next((row for line in lines.read(tasks.values_list("pk", flat=True)[:1]) if (row := _row(line)[0])), None)
    found: list[datetime] = []
    while row and len(found) < count and (at := next_at(row.timed, after=after)):
        found.append(at)
        after = at
    return found


def _last_runs(entries: Iterable[Entry]) -> dict[object, Run]:
    newest = Run.objects.filter(entry=OuterRef("id")).order_by("-nominal_at", "-seq").values("seq")[:1]
    chosen = Entry.objects.filter(id__in=[entry.id for entry in entries]).annotate(last=Subquery(newest))
    return {run.entry: run for run in Run.objects.filter(seq__in=chosen.values("last"))}


def _status(entry: Entry, line: Line, last: Run | None, at: datetime) -> EntryStatus:
    row, trouble = _row(line)
    upcoming = next_at(row.timed, after=at) if row and _may_fire(entry) else None
    task = entry.task
    assert task is not None  # noqa: S101  (the query asked for it)
    return EntryStatus(
        id=str(entry.id),
        task_id=task.pk,
        name=task.name,
        job=entry.job,
        market=entry.market,
        cadence=row.timed.cadence.text() if row else "",
        window=entry.window,
        enabled=task.enabled,
        why=trouble or _why(entry, at) or ("as switched" if upcoming else _why_never(line, at)),
        last_state=last.state if last else "",
        last_nominal_at=last.nominal_at if last else None,
        last_started_at=last.started_at if last else None,
        last_finished_at=last.finished_at if last else None,
        last_lateness_ms=last.lateness_ms if last else None,
        last_reason=last.reason if last else "",
        next_at=upcoming,
    )


def _row(line: Line) -> tuple[Row | None, str]:
    try:
        return row_of(line), ""
    except UNREADABLE as error:
        return None, f"cannot be read: {error}"


def _may_fire(entry: Entry) -> bool:
    task = entry.task
    return not is_paused(entry) and task is not None and (bool(entry.job) or task.enabled)


def _why(entry: Entry, at: datetime) -> str:
    """Return what keeps the entry, or lets it fire; nothing for a user's own row that is switched on."""
    if is_paused(entry):
        return f"paused by {entry.control.paused_by}: {entry.control.reason}"
    if not entry.job:
        return "" if entry.task and entry.task.enabled else "switched off"
    return "in its window" if is_in_window(entry, at) else "outside its window"


def _why_never(line: Line, at: datetime) -> str:
    if line.expires is not None and line.expires <= at:
        return "expired"
    return "its time has passed" if line.clocked_at is not None else "never due again"
