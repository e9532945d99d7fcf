"""Processes that the benchmark starts, and ends by their ids."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
#: Less of a core than this, over a glance: the process has done its start and waits.
IDLE = 0.25
GLANCE = 0.4


class Beat:
    """One `celery beat`, in a session of its own so that a Ctrl-C at the terminal does not reach it."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it; what it says goes to `log`."""
        self.log, self.started_at = log, time.time()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=dict(environment), stdout=output, stderr=output, start_new_session=True
            )
        self._seen = psutil.Process(self.process.pid)

    @property
    def pid(self) -> int:
        """Return its id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.process.poll() is None

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used so far, in user and system mode."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> float:
        """Return its resident memory, in MiB."""
        return float(self._seen.memory_info().rss) / 2**20

    def peak_rss(self) -> float:
        """Return the most resident memory that it ever had, in MiB."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    return float(line.split()[1]) / 1024
        return self.rss()

    def settle(self, seconds: float = 20) -> None:
        """Wait until it has started and idles."""
        deadline = time.monotonic() + seconds
        time.sleep(max(0.0, self.started_at + 1 - time.time()))
        while self.is_running and time.monotonic() < deadline:
            before = self.cpu()
            time.sleep(GLANCE)
            if self.cpu() - before < IDLE * GLANCE:
                return

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal and wait for its end."""
        if self.is_running:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)


@contextlib.contextmanager
def ending(beats: list[Beat]) -> Iterator[list[Beat]]:
    """End, at the end, every beat that was put into the list."""
    try:
        yield beats
    finally:
        for beat in beats:
            beat.end()


def environment(**own: str) -> dict[str, str]:
    """Return the environment of a process: ours, without what configures a Thor or a peer, and with `own`."""
    prefixes = ("THOR_", "FLOWER_", "BENCH_", "DJANGO_", "REDIS_URL", "DATABASE_URL", "CELERY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    path = os.pathsep.join(part for part in (str(ROOT), kept.get("PYTHONPATH", "")) if part)
    return {**kept, "PYTHONPATH": path, "PGAPPNAME": "beat", **own}


def run(command: list[str], own: Mapping[str, str]) -> None:
    """Run a command to its end; end the benchmark with what it said where it fails."""
    done = subprocess.run(command, cwd=ROOT, env=dict(own), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-2000:]}")
