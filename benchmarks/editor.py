"""A process that edits the schedule as an admin page does: `python -m benchmarks.editor KIND`.

It reads `on NAME` and `off NAME` from standard input and answers each with the time at which the edit was committed.
"""

import importlib
import sys
import time

import django


def main(kind: str) -> None:
    """Edit until standard input ends."""
    switch = _switch_key if kind == "redbeat" else _switch_row
    if kind == "redbeat":
        importlib.import_module("benchmarks.peer")
    else:
        django.setup()
    print("ready", flush=True)
    for line in sys.stdin:
        verb, name = line.strip().split(" ", 1)
        switch(name, verb == "on")
        print(time.time(), flush=True)


def _switch_row(name: str, enabled: bool) -> None:
    from django_celery_beat.models import PeriodicTask

    row = PeriodicTask.objects.get(name=name)
    row.enabled = enabled
    row.save()


def _switch_key(name: str, enabled: bool) -> None:
    from redbeat import RedBeatSchedulerEntry
    from redbeat.schedulers import ensure_conf

    from benchmarks.peer import app

    ensure_conf(app)
    entry = RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(app, name), app=app)
    entry.enabled = enabled
    entry.save()


if __name__ == "__main__":
    main(sys.argv[1])
