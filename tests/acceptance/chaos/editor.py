"""Edit the schedule as people do, one command a line on standard input: `["pause", "paused_0"]`.

Answers `done` when it is committed, `failed` when the database, or the form, did not take it.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")
django.setup()

from django.core.exceptions import ValidationError  # noqa: E402
from django.db import DatabaseError, InterfaceError, connection  # noqa: E402
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks  # noqa: E402

from tests.acceptance.chaos.workload import CROWD_TASK, OWN_TASK  # noqa: E402
from thor.jobs.controls import pause_entry, resume_entry  # noqa: E402
from thor.jobs.models import Entry  # noqa: E402
from thor.jobs.schedule import Schedule  # noqa: E402
from thor.leadership.clock import process_clock  # noqa: E402


def create(name: str, period: int) -> None:
    """Add a line of a user's own, unless there is one of that name."""
    PeriodicTask.objects.get_or_create(name=name, defaults={"task": OWN_TASK, "interval": _interval(period)})


def gather(number: int) -> None:
    """Add the lines of the crowd, switched off."""
    second = _interval(1)
    for one in range(number):
        PeriodicTask.objects.create(name=f"crowd_{one}", task=CROWD_TASK, interval=second, enabled=False)


def crowd(enabled: bool) -> None:
    """Switch the whole crowd on or off at once, as the admin's action does."""
    PeriodicTask.objects.filter(task=CROWD_TASK).update(enabled=enabled)
    PeriodicTasks.update_changed()


def delete(name: str) -> None:
    """Delete a line."""
    PeriodicTask.objects.filter(name=name).delete()


def rename(name: str, other: str) -> None:
    """Give a line another name."""
    for task in PeriodicTask.objects.filter(name=name):
        task.name = other
        task.save()


def period(name: str, seconds: int) -> None:
    """Let a line fire every so many seconds."""
    for task in PeriodicTask.objects.filter(name=name):
        task.interval = _interval(seconds)
        task.save()


def switch(name: str, enabled: bool) -> None:
    """Switch a line on or off, as the admin's tick does."""
    for task in PeriodicTask.objects.filter(name=name):
        task.enabled = enabled
        task.save()


def pause(name: str) -> None:
    """Pause a job."""
    pause_entry(Entry.objects.get(job=name), by="chaos", reason="a fault", at=process_clock().now())


def resume(name: str) -> None:
    """Resume a job."""
    resume_entry(Entry.objects.get(job=name), by="chaos", at=process_clock().now())


def identify() -> None:
    """Give every line its identity now, so that the moment from which each is owed is known."""
    Schedule().look(process_clock().now())


COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (create, delete, rename, period, switch, pause, resume, identify, gather, crowd)
}


def _interval(seconds: int) -> IntervalSchedule:
    return IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")[0]


def _carry_out(command: str, *arguments: Any) -> str:
    try:
        COMMANDS[command](*arguments)
    except ValidationError:  # the name is taken
        return "failed"
    except (DatabaseError, InterfaceError):
        connection.close()
        return "failed"
    return "done"


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(_carry_out(*json.loads(line)) + "\n")
        sys.stdout.flush()
