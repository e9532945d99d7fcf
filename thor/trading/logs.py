"""Write `scheduler.log`: what trading says, into one file of bounded size, from however many processes.

    log line ──► one write() to a file opened for appending: lines of several processes do not mix
    too long ──► one process moves it to scheduler.log.1 under the file's lock; the others see that the name now belongs
                 to another file, and open that

What goes in: everything of `thor.trading`, the broker's clock, and the events of runs of trading's jobs. The level is
that of the loggers (THOR_LOG_LEVEL). A file that cannot be written costs one warning a process, and no job.

The handlers are declared in LOGGING, not attached when the app is ready: Celery's processes set Django up twice, and
the second configuration of logging takes away every handler that the configuration does not name.
"""

import fcntl
import logging
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from thor.trading.records.printing import printing_zone
from thor.trading.scope import scope
from thor.trading.state_keys import JOBS

#: Not below the loggers that the file takes lines from: what is said here must not come back.
log = logging.getLogger("thor.schedulerlog")

LINE: Final = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
#: The size, in bytes, at which a new file is begun, and how many old ones are kept.
LARGEST: Final = 5_000_000
KEPT: Final = 4


def scheduler_log() -> "SharedLog":
    """Make the handler of the scope's file, for LOGGING; nothing is opened or made before there is a line to write."""
    return SharedLog(scope().logs / "scheduler.log")


def scheduler_log_of_runs() -> "SharedLog":
    """Make the same, for a logger that tells of runs of every job: those of trading alone are written."""
    found = scheduler_log()
    found.addFilter(_OfTrading())
    return found


class SharedLog(logging.Handler):
    """A file that several processes append to, and that begins anew when it is full."""

    def __init__(self, path: Path, *, largest: int = LARGEST, kept: int = KEPT) -> None:
        """Take the file, and how large it may grow; `kept` old ones stay beside it, the newest as `.1`."""
        super().__init__()
        self.path, self._largest, self._kept = path, largest, kept
        self._file: int | None = None
        self._is_failing = False
        self.setFormatter(_InZone(LINE))

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record; the lines of a longer one, but for the first, are indented."""
        try:
            text = self.format(record).replace("\r", "\\r").replace("\n", "\n    ")
            self._write((text + "\n").encode(errors="backslashreplace"))
            self._is_failing = False
        except OSError as error:
            self._tell(error)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Let go of the file."""
        self._let_go()
        super().close()

    def _write(self, line: bytes) -> None:
        file = self._opened()
        os.write(file, line)
        if os.fstat(file).st_size >= self._largest:
            self._begin_anew()

    def _opened(self) -> int:
        if self._file is not None and not _is_named(self._file, self.path):
            self._let_go()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        return self._file

    def _begin_anew(self) -> None:
        # A description of its own: a lock on one that was inherited would be shared with whoever else inherited it.
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_named(file, self.path) and os.fstat(file).st_size >= self._largest:
                for number in range(self._kept, 1, -1):
                    with suppress(FileNotFoundError):
                        self._old(number - 1).replace(self._old(number))
                self.path.replace(self._old(1))
        finally:
            os.close(file)

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _tell(self, error: OSError) -> None:
        if not self._is_failing:
            self._is_failing = True
            log.warning("thor.schedulerlog.unwritable: %s: %s", self.path, error)


class _InZone(logging.Formatter):
    """Print the time of a line in MARKET_TIMEZONE, with its offset."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, printing_zone()).isoformat(timespec="milliseconds")


class _OfTrading(logging.Filter):
    """Let the events of runs of trading's jobs pass, as `entry=job`, `entry=job @ market` or `task=job`."""

    _wanted = re.compile(rf"\b(?:entry|task)=(?:{'|'.join(map(re.escape, sorted(JOBS.values())))})(?: |$)")

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(self._wanted.search(record.getMessage()))


def _is_named(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
