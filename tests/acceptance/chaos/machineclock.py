"""A machine clock of its own for a process, which can be stepped while the process runs: Debian's libfaketime.

What is stepped is the wall clock alone. CLOCK_MONOTONIC and CLOCK_BOOTTIME stay what they are, as on a machine whose
clock somebody sets.
"""

from pathlib import Path

FOLDERS = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"))
#: libfaketime 0.9.10 breaks `clock_nanosleep` to an absolute time, which Python sleeps with; `select` is left whole.
SLEEP = """import select, time


def _sleep(seconds):
    select.select([], [], [], seconds)


time.sleep = _sleep
"""


def library() -> Path | None:
    """Return libfaketime, or nothing where it is not installed."""
    found = (path for folder in FOLDERS for path in folder.glob("**/faketime/libfaketime.so.1"))
    return next(found, None)


class MachineClock:
    """The wall clock that one process sees."""

    def __init__(self, folder: Path, name: str, lib: Path) -> None:
        """Let it show the true time."""
        self._file, self._library, self._site = folder / f"{name}.clock", lib, folder / "site"
        self._site.mkdir(exist_ok=True)
        (self._site / "sitecustomize.py").write_text(SLEEP)
        self.hours = 0
        self.step(0)

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment that makes a process live by it."""
        return {
            "LD_PRELOAD": str(self._library),
            "PYTHONPATH": str(self._site),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, hours: int) -> None:
        """Set it so many hours from the true time; the process sees that within a second."""
        self.hours = hours
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{hours * 3600:+d}\n")
        fresh.replace(self._file)  # whoever reads it in this moment reads one or the other
