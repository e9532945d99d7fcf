"""What tests of legacy mode share: a module that every process loads, which tells of threads and of bodies."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis

from tests.acceptance.house import HANGS, House, built

#: Loaded by each process through THOR_IMPORTS. Every thread that is started writes its name into a file of its process;
#: every body its instant, before and after.
WITNESS = """
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

from thor.jobs import job
from thor.timing import Every

FOLDER = Path({folder!r})


def note(line):
    with (FOLDER / f"threads-{{os.getpid()}}").open("a") as file:
        file.write(line)


def begin():
    note("")


start = threading.Thread.start


def started(self):
    note(self.name + "\\n")
    start(self)


threading.Thread.start = started
os.register_at_fork(after_in_child=begin)
begin()


def tell(name, occurrence, what):
    with (FOLDER / name).open("a") as file:
        file.write(f"{{occurrence.nominal_at.isoformat()}} {{what}} {{os.getpid()}}\\n")


@job(cadence=Every(seconds=1))
def witnessed(occurrence, **_):
    tell("witnessed", occurrence, "begins")
    return "seen"


@job(cadence=Every(seconds=1), time_limit=timedelta(seconds=30))
def slow(occurrence, **_):
    tell("slow", occurrence, "begins")
    time.sleep(4)
    tell("slow", occurrence, "ends")


@job(cadence=Every(seconds=1))
def faulty(occurrence, **_):
    tell("faulty", occurrence, "begins")
    raise RuntimeError("as it is meant")


@job(cadence=Every(seconds=1), time_limit=timedelta(seconds=1))
def hanging(occurrence, **_):
    is_first = not (FOLDER / "hanging").exists()
    tell("hanging", occurrence, "begins")
    if is_first:
        time.sleep(100_000)


@job(cadence=Every(seconds=1))
def quitting(occurrence, **_):
    tell("quitting", occurrence, "begins")
    raise SystemExit(3)
"""


class Witnessed:
    """A house in legacy mode whose processes are witnessed; only the named jobs of the witness are planned there."""

    def __init__(self, house: House, folder: Path) -> None:
        """Look at `house`, whose witness writes into `folder`."""
        self.house, self.folder = house, folder

    def threads(self) -> dict[int, set[str]]:
        """Return the names of the threads that each process has started, by process."""
        found = self.folder.glob("threads-*")
        return {int(path.name.removeprefix("threads-")): set(path.read_text().splitlines()) for path in found}

    def stacks(self) -> set[int]:
        """Return the living processes that have started a stack."""
        return {pid for pid, names in self.threads().items() if "thor-stack" in names and psutil.pid_exists(pid)}

    def leader(self) -> int:
        """Return the process that holds the stack's lease, by the lease itself; 0 where nobody does."""
        (socket_path,) = self.house.folder.glob("*.sock")
        client = redis.Redis(unix_socket_path=str(socket_path))
        holders = [client.get(key) for key in client.keys("thor:stack:*")]
        return next((int(holder.split(b":")[1]) for holder in holders if holder), 0)

    def lines(self, job: str) -> list[list[str]]:
        """Return what the bodies of a job have told: instant, word, process."""
        path = self.folder / job
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def begun(self, job: str) -> Counter[str]:
        """Return how often the body of each occurrence has begun."""
        return Counter(line[0] for line in self.lines(job) if line[1] == "begins")

    def runs(self, job: str, state: str = "succeeded") -> int:
        """Return how many runs of a job are in a state."""
        return self.house.count(f"SELECT count(*) FROM jobs_run WHERE name = '{job}' AND state = '{state}'")

    def wait_for_runs(self, job: str, more: int = 3, state: str = "succeeded", seconds: float = HANGS) -> None:
        """Wait until so many more runs of a job are in a state."""
        before = self.runs(job, state)
        self.house.wait_for(lambda: self.runs(job, state) >= before + more, f"runs of {job}", seconds)

    def supervisor(self, name: str = "supervisor") -> int:
        """Start `run_supervisor`; return its process."""
        return self.house.start(name, sys.executable, "manage.py", "run_supervisor").pid


@contextmanager
def witnessed(folder: Path, jobs: str = "witnessed", **variables: str) -> Iterator[Witnessed]:
    """Build a witnessed house in legacy mode, and leave none of its processes behind."""
    (folder / "thor_witness.py").write_text(WITNESS.format(folder=str(folder)))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    given = {"THOR_SCHEDULER_MODE": "legacy", "THOR_IMPORTS": "thor_witness", "PYTHONPATH": path}
    # A lease that outlasts a machine which stands still: nobody takes it over but from the dead.
    given |= {"THOR_LEASE_TTL": "10", "THOR_JOBS": jobs}
    with built(**{**given, **variables}) as house:
        house.prepare()
        for path in folder.glob("threads-*"):
            path.unlink()
        groups: list[int] = []
        try:
            yield Witnessed(house, folder)
        finally:
            groups += [process.pid for process in house.processes.values()]
            house.close()
            for group in groups:
                _end(group)


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
