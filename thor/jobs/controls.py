"""What an operator wishes: pause an entry, resume it. A wish outlives every bell, and the gate obeys it."""

from datetime import datetime

from django.db import transaction
from django.db.models import DateTimeField, F, OuterRef, Subquery, Value
from django.db.models.functions import Greatest, Least, Now
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
            # A pause that the leader has not written down yet goes on: what it dropped must not be forgotten.
            control.paused_at = at if control.resumed_at is None else control.paused_at
            control.paused, control.resumed_at = True, None
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


def begin_pauses(decided_until: datetime) -> None:
    """Let pauses that nobody saw begin where time was decided until: what fell due before is dropped with them.

    An entry that is younger than that has nothing to drop before it was made.
    """
    since = Subquery(Entry.objects.filter(pk=OuterRef("entry_id")).values("since")[:1])
    unseen = Control.objects.filter(paused=True, paused_at__gt=decided_until)
    unseen.update(paused_at=Least(F("paused_at"), Greatest(Value(decided_until, DateTimeField()), since)))


def _show(entry: Entry, *, enabled: bool) -> None:
    """Let other tools see the wish, and beat learn of it."""
    PeriodicTask.objects.filter(pk=entry.task_id).update(enabled=enabled, date_changed=Now())
    Entry.objects.filter(pk=entry.pk).update(gated=enabled)
    PeriodicTasks.update_changed()
