"""What runs in the chaos: jobs of every kind, and a user's own task. Loaded by schedulers and workers alike."""

import os
import time
from typing import Any

from celery import current_task, shared_task

from tests.acceptance.chaos.workload import CROWD_TASK, JOBS, OWN_TASK
from thor.jobs.registry import register
from thor.jobs.spec import make_spec
from thor.leadership.elector import boottime
from thor.timing import Every


def write(event: str) -> None:
    """Append one line to the log, in one write: whole or not at all, even when the process is killed.

    The time is that of a clock which never steps, since a worker's wall clock may be wrong by an hour.
    """
    line = f"{current_task.request.id} {event} {boottime():.6f} {os.getpid()}\n"
    log = os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(log, line.encode())
    finally:
        os.close(log)


def carry_out(seconds: float) -> None:
    """Do the work of a body: say that it starts, take some time, say that it ends."""
    write("start")
    time.sleep(seconds)
    write("end")


@shared_task(name=OWN_TASK)
def own(seconds: float = 0.0) -> None:
    """Be a user's own task."""
    carry_out(seconds)


@shared_task(name=CROWD_TASK)
def crowd() -> None:
    """Be one of far more than the workers can do."""
    carry_out(0.1)


def _declare(name: str, period: int, seconds: float, policies: dict[str, Any]) -> None:
    def body(occurrence: Any, **_: Any) -> None:
        carry_out(seconds)

    body.__name__, body.__module__ = name, __name__
    register(make_spec(name, body, "chaos", {"cadence": Every(seconds=period), "queue": "trading", **policies}))


for _name, (_period, _seconds, _policies) in JOBS.items():
    _declare(_name, _period, _seconds, _policies)
