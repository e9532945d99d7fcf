"""The gate: what the bells do to the schedule, as other tools and people see it.

`plan()` and the claim judge windows and pauses by themselves. `PeriodicTask.enabled` of a job's line follows them, so
that the admin shows what is so: in its window and not paused. A toggle that comes late can therefore neither miss the
bell nor let loose what a person switched off.

A person's own switch is told from the gate's by memory: the entry keeps what the gate last wrote (`gated`). A column
that says otherwise was changed by somebody, and becomes a wish before the gate writes again.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django_celery_beat.models import PeriodicTask

from thor.jobs import controls, events
from thor.jobs.models import Entry
from thor.jobs.schedule import UNREADABLE, is_in_window, is_paused, window_of
from thor.timing.instants import LATEST
from thor.timing.session import Session

#: Windows are looked ahead this far for their next edge; nothing is lost by looking again then.
HORIZON = timedelta(days=8)
#: The window of a session begins at most so far from it.
DAY = timedelta(days=1)


def settle(at: datetime, *, market: str | None = None) -> list[str]:
    """Bring the lines of `market`, or of all, to what they should be at `at`; return the names of those toggled."""
    with transaction.atomic():
        toggled = [entry for entry in _readable(_lines(market)) if _settle_one(entry, at)]
    for entry in toggled:
        events.emit("thor.gate.moved", entry=entry.name, enabled=entry.gated, at=at.isoformat())
    return [entry.name for entry in toggled]


def next_edge_at(at: datetime) -> datetime | None:
    """Return the next instant at which some window opens or closes."""
    edges = (edge for entry in _readable(_lines(None)) for edge in _edges(entry, at))
    return min(edges, default=None)


def open_gate(market: str, at: datetime, **_: Any) -> None:
    """Move the lines of a market that opened, closed or changed its phase: the receiver of its signals."""
    settle(at, market=market)


def tell_empty_windows(market: str, session: Session, **_: Any) -> None:
    """Say which entries have no window in a session that opens: it is too short for them, and nothing is wrong."""
    for entry in _readable(_lines(market)):
        window, sessions = window_of(entry)
        spans = window.spans(sessions, session.open - DAY, session.close + DAY)
        if not any(span.session_date in (session.date, None) for span in spans):
            events.emit("thor.window.empty", entry=entry.name, window=entry.window, session=session.date.isoformat())


def _readable(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Leave out entries whose window or market cannot be read; the schedule says which, and why."""
    for entry in entries:
        try:
            window_of(entry)
        except UNREADABLE:
            continue
        yield entry


def _settle_one(entry: Entry, at: datetime) -> bool:
    task = entry.task
    if task is None:
        return False
    if task.enabled != entry.gated:
        _hear(entry, task, at)
    wanted = is_in_window(entry, at) and not is_paused(entry)
    if task.enabled == wanted and entry.gated == wanted:
        return False
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=wanted)
    Entry.objects.filter(pk=entry.pk).update(gated=wanted)
    entry.gated = wanted
    return True


def _hear(entry: Entry, task: PeriodicTask, at: datetime) -> None:
    """Turn a person's switch into a wish: off pauses, on resumes what was paused."""
    who = _last_editor(task)
    if not task.enabled:
        entry.control = controls.pause_entry(entry, by=who, reason="switched off in the admin", at=at)
    elif is_paused(entry):
        entry.control = controls.resume_entry(entry, by=who, at=at)


def _last_editor(task: PeriodicTask) -> str:
    kind = ContentType.objects.get_for_model(PeriodicTask)
    found = LogEntry.objects.filter(content_type=kind, object_id=str(task.pk)).order_by("-action_time").first()
    return found.user.get_username() if found else "somebody"


def _lines(market: str | None) -> Iterable[Entry]:
    lines = Entry.objects.select_related("task", "control").exclude(job="").filter(retired_at__isnull=True)
    lines = lines.filter(task__isnull=False)
    if market is not None:
        lines = lines.filter(market=market)
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        lines = lines.select_for_update(of=("self",))
    return lines


def _edges(entry: Entry, at: datetime) -> Iterable[datetime]:
    window, sessions = window_of(entry)
    for span in window.spans(sessions, at, at + HORIZON):
        # What is always open has no edge: its end is no instant that any clock could be asked about.
        yield from (edge for edge in (span.start, span.end) if at < edge < LATEST)
