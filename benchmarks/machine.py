"""What the figures were taken on: the machine, the versions, and whether anything else was busy."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = ("celery", "kombu", "Django", "django-celery-beat", "celery-redbeat", "psycopg", "redis")
#: Below this the machine counts as quiet: the one-minute load, or the busy part of a core over a second.
QUIET_LOAD = 1.5
QUIET_CORES = 0.4


def facts() -> dict[str, str]:
    """Return processor, cores, memory, system and the versions of the packages."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": f"{_processor()}, {psutil.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


class Quiet:
    """Wait for a quiet machine before each measurement, within limits, and say what was found.

    The load average remembers our own last measurement for a minute, so a glance at the processor counts as well.
    """

    def __init__(self, a_time: float, in_all: float) -> None:
        """Wait at most `a_time` seconds each time, and `in_all` seconds in a whole run."""
        self._a_time, self._left = a_time, in_all

    def wait(self) -> dict[str, float]:
        """Wait; return the load, the cores that others kept busy, and the seconds that were waited."""
        began = time.monotonic()
        while True:
            load, busy = os.getloadavg()[0], psutil.cpu_percent(1.0) / 100 * (psutil.cpu_count() or 1)
            waited = time.monotonic() - began
            if load < QUIET_LOAD or busy < QUIET_CORES or waited > min(self._a_time, self._left):
                self._left -= waited
                return {"load": round(load, 2), "busy_cores": round(busy, 2), "waited": round(waited, 1)}
