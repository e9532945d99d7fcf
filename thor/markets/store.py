"""Keep the columns of each calendar in a small file, and have it made again once a day.

Many processes start at the same moment and all want the same files. The first takes a lock and has them
built; the others wait for the lock, find the files and read them. The lock only saves work: files are
replaced in one step, so two builders would merely do the same twice.

    process A   no file; takes the lock; builds (about 1.5 s for all); lets go
    process B   no file; waits for the lock; looks again: there it is; reads it

A file that is merely a day old is still right about today: it is read at once, and made again in the
background.
"""

import contextlib
import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from thor.env import BASE_DIR, env
from thor.errors import ThorError
from thor.markets.build import file_name, folder_name
from thor.markets.columns import Columns
from thor.timing.clock import SystemClock

log = logging.getLogger(__name__)

#: Announcements (a day of mourning, a new holiday) reach the library by upgrades; the years ahead move once
#: a year.
MAX_AGE: Final = timedelta(days=1)
#: Seconds that building every calendar of the library may take on a slow, busy machine.
PATIENCE: Final = 120


class CalendarUnavailable(ThorError):
    """The sessions of a calendar cannot be found out."""


def folder() -> Path:
    """Return where the files lie: a folder a version of the library and of Thor's rules, since both change answers."""
    return env().var_dir / "sessions" / folder_name()


def load(calendar: str, others: Sequence[str] = ()) -> tuple[Columns, float]:
    """Return the columns of a calendar and its file's time stamp; have it built first where it is missing.

    `others` are built in the same go where they are missing as well, because the start of the library is
    most of the cost. Raises `CalendarUnavailable`.
    """
    found = read(calendar)
    if found is None:
        _build_missing(calendar, others)
        found = read(calendar)
    if found is None:
        path = folder() / file_name(calendar)
        raise CalendarUnavailable(f"The sessions of {calendar} cannot be read from {path}; delete that file.")
    return found


def read(calendar: str) -> tuple[Columns, float] | None:
    """Return the columns of a calendar and its file's time stamp as they lie there; None where they cannot be read."""
    path = folder() / file_name(calendar)
    try:
        stamped = path.stat().st_mtime
        return Columns.load(path.read_bytes()), stamped
    except (OSError, ValueError, KeyError):
        return None


def stamp(calendar: str) -> float:
    """Return the time stamp of a calendar's file, 0 where there is none; a new stamp means new content."""
    try:
        return (folder() / file_name(calendar)).stat().st_mtime
    except OSError:
        return 0.0


def is_old(stamped: float) -> bool:
    """Say whether a file of this time stamp is due to be made again; files age in real time, always."""
    return SystemClock().wall().timestamp() - stamped > MAX_AGE.total_seconds()


def rebuild_in_background(calendars: Sequence[str]) -> None:
    """Have old files made again while the asking process goes on; after a failure the old ones stay."""
    threading.Thread(target=_rebuild_old, args=(list(calendars),), name="thor-sessions", daemon=True).start()


def _rebuild_old(calendars: list[str]) -> None:
    try:
        with _lock():
            _build([calendar for calendar in calendars if is_old(stamp(calendar))])
    except (CalendarUnavailable, OSError) as error:
        log.warning("thor.sessions.stale: %s", error)


def _build_missing(calendar: str, others: Sequence[str]) -> None:
    with _lock():
        wanted = dict.fromkeys([calendar, *others])
        failed = _build([name for name in wanted if read(name) is None])
    if calendar in failed:
        raise CalendarUnavailable(failed[calendar])


def _build(calendars: Sequence[str]) -> dict[str, str]:
    """Run the builder for these calendars, and return the reasons of those that failed."""
    if not calendars:
        return {}
    year = SystemClock().wall().year
    command = [sys.executable, "-m", "thor.markets.build", str(folder().resolve()), str(year), *calendars]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603  (our own module, run by our own interpreter)
            command,
            cwd=BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise CalendarUnavailable(f"Reading exchange_calendars failed: {_reason(error)}") from error
    failed: dict[str, str] = json.loads(done.stdout)
    for name, reason in failed.items():
        log.error("thor.sessions.unavailable: %s: %s", name, reason)
    return failed


def _reason(error: Exception) -> str:
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
    return lines[-1]


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        file = (place / ".lock").open("w")
    except OSError as error:
        raise CalendarUnavailable(f"The folder {place} cannot be written ({error.strerror}).") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
