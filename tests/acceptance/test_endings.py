"""How runs end on a real worker: retries, limits, killed processes, tasks that end themselves."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.house import HANGS, House, built

pytestmark = [pytest.mark.database, pytest.mark.alone]

OWN = """
import os, signal, sys, time
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

LOG = {log!r}


def note(task, word):
    with open(LOG, "a") as file:
        file.write(f"{{task.request.id}} {{word}} {{os.getpid()}} {{task.request.retries}}\\n")


@shared_task(bind=True, max_retries=3)
def again(self):
    note(self, "again")
    if self.request.retries < 2:
        raise self.retry(countdown={countdown})
    return "third time lucky"


@shared_task(bind=True, max_retries=1, default_retry_delay=0)
def hopeless(self):
    note(self, "hopeless")
    try:
        raise ValueError("no use")
    except ValueError as error:
        raise self.retry(exc=error)


@shared_task(bind=True)
def leaves(self):
    note(self, "leaves")
    sys.exit(3)


@shared_task(bind=True)
def hangs(self):
    note(self, "hangs")
    time.sleep(120)


@shared_task(bind=True, soft_time_limit=5, time_limit=60)
def slow(self):
    note(self, "slow")
    time.sleep(30)
"""

MAKE = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
for name in {names!r}:
    PeriodicTask.objects.create(name=name, task=f"own_tasks.{{name}}", interval=interval, one_off=True,
                                expire_seconds=600)
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[House, Path]]:
    """Return a house in which a beat and a worker know the tasks above, and the file that these write to."""
    log = tmp_path / "log"
    log.touch()
    (tmp_path / "own_tasks.py").write_text(OWN.format(log=str(log), countdown=1))
    with built(PYTHONPATH=str(tmp_path), THOR_IMPORTS="own_tasks", THOR_JOBS="none") as house:
        house.prepare()
        yield house, log


def ended(house: House, name: str, seconds: float = HANGS) -> tuple[str, str, int]:
    """Wait until the run of an entry has ended; return its state, reason and attempts."""
    query = f"SELECT state, reason, attempt FROM jobs_run WHERE name = '{name}' AND finished_at IS NOT NULL"
    return house.wait_for(lambda: house.rows(query), f"the end of {name}", seconds)[0]  # type: ignore[no-any-return]


def test_tries_limits_and_ends_are_all_recorded(running: tuple[House, Path]) -> None:
    house, log = running
    house.python(MAKE.format(names=["again", "hopeless", "leaves", "slow"]))
    house.worker()
    house.beat()

    assert ended(house, "again") == ("succeeded", "retry", 3)
    state, reason, attempts = ended(house, "hopeless")
    assert (state, attempts) == ("failed", 2)
    assert "ValueError: no use" in reason
    assert ended(house, "leaves")[0] == "lost"
    assert "ended itself" in ended(house, "leaves")[1]
    state, reason, _ = ended(house, "slow")
    assert (state, "time limit" in reason) == ("failed", True)
    words = Counter(line.split()[1] for line in log.read_text().splitlines())
    assert words == {"again": 3, "hopeless": 2, "leaves": 1, "slow": 1}


def test_a_killed_pool_process_is_recorded_at_once(running: tuple[House, Path]) -> None:
    house, log = running
    house.python(MAKE.format(names=["hangs"]))
    house.worker()
    house.beat()
    pid = int(house.wait_for(lambda: log.read_text(), "the body to begin").split()[2])
    assert pid in {child.pid for child in psutil.Process(house.processes["worker"].pid).children(recursive=True)}

    os.kill(pid, signal.SIGKILL)

    state, reason, attempts = ended(house, "hangs")
    assert (state, attempts) == ("lost", 1)
    assert "the process died" in reason
    assert Counter(line.split()[1] for line in log.read_text().splitlines()) == {"hangs": 1}
