"""A Thor of real processes in a folder of its own: what acceptance tests start, look at, break, and always end."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
#: What has not come by now never comes, in seconds: on two busy cores a process may take half a minute to start.
HANGS = 240.0
#: Of a replay at hundreds of times the pace; trading's windows last two seconds there, and have tests of their own.
FAILED = "SELECT count(*) FROM jobs_run WHERE queue <> 'trading' AND state IN ('failed', 'lost')"


class House:
    """One installation: a folder, a database, an embedded Valkey, and the processes that a test starts."""

    def __init__(self, folder: Path, database_url: str, **variables: str) -> None:
        self.folder, self.database_url = folder, database_url
        self.variables = variables
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("THOR_", "FLOWER_"))}
        kept.pop("REDIS_URL", None)
        own = {"THOR_VAR_DIR": str(self.folder), "DATABASE_URL": self.database_url, "PYTHONUNBUFFERED": "1"}
        return {**kept, **own, **self.variables}

    def manage(self, *arguments: str, timeout: float = HANGS) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` to its end."""
        return self.run(sys.executable, "manage.py", *arguments, timeout=timeout)

    def run(self, *command: str, timeout: float = HANGS) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in the project's root."""
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def prepare(self) -> "House":
        """Make the tables and the rows."""
        for command in ("migrate", "sync_jobs"):
            done = self.manage(command)
            assert done.returncode == 0, done.stderr
        return self

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own; its output goes to `NAME.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self.processes[name]

    def beat(self, name: str = "beat") -> subprocess.Popen[bytes]:
        """Start a scheduler."""
        return self.start(name, str(BIN / "celery"), "-A", "thor", "beat", "-l", "info")

    def worker(self, name: str = "worker", *options: str) -> subprocess.Popen[bytes]:
        """Start a worker on all queues."""
        queues = "market_data,trading,default"
        command = (str(BIN / "celery"), "-A", "thor", "worker", "-n", f"{name}@%h", "-Q", queues, "-c", "2")
        return self.start(name, *command, "-l", "info", *options)

    def feed(self, name: str = "feed") -> subprocess.Popen[bytes]:
        """Start the feed."""
        return self.start(name, sys.executable, "manage.py", "run_feed")

    def log(self, name: str) -> str:
        """Return what a process has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a process (not to its children), wait for its end, and return its status."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(timeout=HANGS)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the house's database."""
        if not self.database_url:
            with sqlite3.connect(self.folder / "thor.sqlite3", timeout=60) as connection:
                return connection.execute(query).fetchall()
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]

    def execute(self, script: str) -> None:
        """Run statements on the house's PostgreSQL, and commit them."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(script)  # type: ignore[call-overload]

    def count(self, query: str) -> int:
        """Return the one number of a query."""
        return int(self.rows(query)[0][0] or 0)

    def python(self, script: str) -> Any:
        """Run a script inside Django in this house; return what it assigns to `answer`."""
        wrapped = f"{script}\nimport json\nprint('ANSWER', json.dumps(answer, default=str))"
        done = self.manage("shell", "-v", "0", "-c", f"answer = None\n{wrapped}")
        assert done.returncode == 0, done.stderr
        line = next(line for line in done.stdout.splitlines() if line.startswith("ANSWER "))
        return json.loads(line.removeprefix("ANSWER "))

    def wait_for(self, condition: Callable[[], Any], what: str | Callable[[], str], seconds: float = HANGS) -> Any:
        """Wait until a condition is true and return its value; tell what the processes said when it never is.

        What was waited for may be a question that is asked at the end.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        tails = "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in self.logs())
        pytest.fail(f"waited {seconds:g} s in vain for {what() if callable(what) else what}\n{tails}")

    def valkey(self) -> redis.Redis:
        """Return a client of the house's Redis: its own embedded one, unless it was given another."""
        if "REDIS_URL" in self.variables:
            return redis.Redis.from_url(self.variables["REDIS_URL"])
        (socket,) = self.folder.glob("*.sock")
        return redis.Redis(unix_socket_path=str(socket))

    def wait_for_contenders(self, number: int) -> None:
        """Wait until so many schedulers lead or stand by: each of them listens for the release of the lease."""

        def contending() -> int:
            try:
                with self.valkey() as client:
                    return sum(
                        listening for _, listening in client.pubsub_numsub(*client.pubsub_channels("*:released"))
                    )
            except redis.exceptions.RedisError:
                return 0

        self.wait_for(lambda: contending() >= number, f"{number} schedulers")

    def logs(self) -> list[Path]:
        """Return the files that processes of this house write to."""
        return sorted(self.folder.glob("*.log"))

    def close(self) -> None:
        """End every process of this house, the embedded Valkey too."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=60)
        for socket in self.folder.glob("*.sock"):
            try:
                redis.Redis(unix_socket_path=str(socket)).shutdown(nosave=True)
            except redis.exceptions.RedisError:
                continue


@contextmanager
def built(**variables: str) -> Iterator[House]:
    """Build a house on the database that these tests run on, and tear it down again."""
    folder = Path(tempfile.mkdtemp(prefix="thor-house-"))
    with _database() as database_url:
        house = House(folder, database_url, **variables)
        try:
            yield house
        finally:
            house.close()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _database() -> Iterator[str]:
    server = os.environ.get("DATABASE_URL", "")
    if not server:
        yield ""
        return
    name = f"thor_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    yield f"{server.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]
