"""A whole Thor for a test: `manage.py up` in a folder of its own, and its processes by name."""

import contextlib
import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.acceptance.house import HANGS
from tests.ports import free_port
from thor.env import BASE_DIR

#: What is found in the command line of each program's process.
MARKS = {
    "web": "gunicorn: master",
    "feed": "run_feed",
    "worker-market-data": "celeryd: worker-market-data",
    "worker-trading": "celeryd: worker-trading",
    "flower": "thor flower",
    "valkey": "valkey-server",
    "beat": "beat",
}
# The width of pytest's own terminal, which it hands to its processes, is none of Thor's either.
NOT_OURS = ("THOR_", "FLOWER_", "DATABASE_URL", "REDIS_URL", "DJANGO_", "PYTEST_", "COLUMNS")


def surroundings(folder: Path, **variables: str) -> dict[str, str]:
    """Return an environment without a person's own settings, with free ports and a folder of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
    ports = {"THOR_WEB_PORT": str(free_port()), "THOR_FLOWER_PORT": str(free_port())}
    return {**inherited, **ports, "THOR_VAR_DIR": str(folder), "THOR_WORKER_CONCURRENCY": "1", **variables}


def manage(*arguments: str, environment: dict[str, str], seconds: float = HANGS) -> "subprocess.CompletedProcess[str]":
    """Run a command of Thor to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


class Whole:
    """A running `manage.py up`, as a terminal would have started it."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        """Start it; leave with `close`, also when it never became ready."""
        self.folder = folder / "var"
        self.environment = surroundings(self.folder, **variables)
        self.log = folder / "up.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *(arguments or ("up",))],
                cwd=BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._groups: set[int] = set()

    def said(self) -> str:
        """Return everything printed so far."""
        return self.log.read_text()

    def wait_for_line(self, text: str, seconds: float = HANGS, after: int = 0) -> None:
        """Wait until a line has come, behind the first `after` characters."""
        self.wait_for(lambda: text in self.said()[after:], text, seconds)

    def wait_for(self, true: Callable[[], bool], what: str, seconds: float = HANGS) -> None:
        """Wait until something is true; fail with everything printed."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{self.said()}"
            assert self.process.poll() is None, f"ended with {self.process.poll()} before: {what}\n{self.said()}"
            time.sleep(0.1)

    def wait_until_ready(self, seconds: float = HANGS) -> None:
        """Wait for the line that says so."""
        self.wait_for_line("Thor is ready", seconds)
        self.programs()

    def programs(self) -> list[psutil.Process]:
        """Return the supervisor's own children, and remember their groups for `leftovers`."""
        found = psutil.Process(self.process.pid).children()
        self._groups |= {process.pid for process in found}
        return found

    def pids(self, name: str) -> set[int]:
        """Return the processes of a program: two for `beat`."""
        found = set()
        for process in self.programs():
            with contextlib.suppress(psutil.Error):
                if MARKS[name] in " ".join(process.cmdline()):
                    found.add(process.pid)
        return found

    def runs(self) -> int:
        """Return how many runs have succeeded."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.folder}/thor.sqlite3?mode=ro", uri=True, timeout=60)
        ) as database:
            return int(database.execute("select count(*) from jobs_run where state = 'succeeded'").fetchone()[0])

    def wait_for_runs(self, more: int = 3, seconds: float = HANGS) -> None:
        """Wait until so many more runs have succeeded."""
        before = self.runs()
        self.wait_for(lambda: self.runs() >= before + more, f"{more} more runs", seconds)

    def get(self, variable: str, path: str) -> tuple[int, str, str]:
        """Ask a page for status, body and `Location`."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.environment[variable]), timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("Location", "")

    def leftovers(self) -> list[str]:
        """Return the command lines of processes of this Thor that still live, of whatever generation."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                line = " ".join(process.cmdline())
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if os.getpgid(process.pid) in {*self._groups, self.process.pid} or str(self.folder) in line:
                    found.append(line)
        return found

    def wait_for_no_leftovers(self, seconds: float = HANGS) -> None:
        """Wait until no process of this Thor lives."""
        deadline = time.monotonic() + seconds
        while self.leftovers():
            assert time.monotonic() < deadline, f"left behind: {self.leftovers()}\n{self.said()}"
            time.sleep(0.1)

    def ctrl_c(self) -> int:
        """Press Ctrl-C, as a terminal does for the whole process group; return the exit status."""
        with contextlib.suppress(psutil.Error):
            self.programs()
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(HANGS)

    def close(self) -> None:
        """End what runs, whatever happened."""
        with contextlib.suppress(psutil.Error):
            self.programs()
        for pid in (self.process.pid, *self._groups):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self.process.wait(60)
        # What was killed may still hold what another one in this folder needs.
        deadline = time.monotonic() + HANGS
        while self.leftovers() and time.monotonic() < deadline:
            time.sleep(0.1)
