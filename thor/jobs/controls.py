"""What an operator wishes: pause an entry, resume it. A wish outlives every bell, and the gate obeys it."""

from datetime import datetime

from django.db import transaction
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from thor.errors import ThorError
from thor.jobs import events
from thor.jobs.models import Control, Entry


class NoSuchEntry(ThorError):
    """There is no entry of that name."""


def find_entry(name: str) -> Entry:
    """Return the entry of that name."""
    entry = Entry.objects.filter(task__name=name, retired_at__isnull=True).first()
    if entry is None:
        raise NoSuchEntry(f"there is no entry {name!r}; `manage.py jobs` lists them.")
    return entry


def pause_entry(entry: Entry, *, by: str, reason: str, at: datetime) -> Control:
    """Let nothing of this entry fire until it is resumed."""
    with transaction.atomic():
        control, _ = Control.objects.get_or_create(entry=entry)
        if not control.paused:
            control.paused, control.paused_at, control.resumed_at = True, at, None
        control.paused_by, control.reason = by[:150], reason[:500]
        control.save()
        _show(entry, enabled=False)
    events.emit("thor.entry.paused", entry=entry.name, by=by, reason=reason)
    return control


def resume_entry(entry: Entry, *, by: str, at: datetime) -> Control:
    """Let the entry fire again, from now on; what was dropped meanwhile becomes one row of the ledger."""
    with transaction.atomic():
        control, _ = Control.objects.get_or_create(entry=entry)
        if control.paused:
            control.paused, control.resumed_at = False, at
            control.save()
        if not entry.job:
            _show(entry, enabled=True)
        PeriodicTasks.update_changed()
    events.emit("thor.entry.resumed", entry=entry.name, by=by)
    return control


def _show(entry: Entry, *, enabled: bool) -> None:
    """Let other tools see the wish, and beat learn of it."""
    PeriodicTask.objects.filter(pk=entry.task_id).update(enabled=enabled)
    Entry.objects.filter(pk=entry.pk).update(gated=enabled)
    PeriodicTasks.update_changed()
