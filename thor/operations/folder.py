"""Let one `up` run in a folder, and let others find it.

The lock is the kernel's, so it goes when the process goes, however that ends; the process id in the file is
for people and for `manage.py down`, and is believed only while the lock is held.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from thor.errors import BadConfiguration, ThorError

FILE = "up.pid"
#: Seconds that `down` waits: every stage may use up its patience.
END_SECONDS = 30.0


class AlreadyRuns(ThorError):
    """Thor runs in this folder already."""


class DoesNotEnd(ThorError):
    """Thor was told to end and did not."""


@contextlib.contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Keep the folder for this process; raise `AlreadyRuns` if another one has it."""
    with _lock_file(folder) as file:
        if not _lock(file):
            raise AlreadyRuns(
                f"Thor already runs in {folder} (process {_pid(file)}); "
                "stop it with 'make down', or set THOR_VAR_DIR to another folder."
            )
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(file, 0)


def occupant(folder: Path) -> int | None:
    """Return the process id of the `up` that runs in the folder."""
    if not (folder / FILE).exists():
        return None
    with _lock_file(folder) as file:
        return None if _lock(file) else _pid(file)


def tell_to_end(folder: Path) -> int | None:
    """End the `up` of the folder and wait for its end; return its process id, None if there was none."""
    pid = occupant(folder)
    if pid is None:
        return None
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise DoesNotEnd(f"process {pid} belongs to another user; only that user can stop it.") from None
    except ProcessLookupError:
        return pid
    deadline = time.monotonic() + END_SECONDS
    while occupant(folder) == pid:
        if time.monotonic() > deadline:
            raise DoesNotEnd(f"process {pid} did not end within {END_SECONDS:.0f} s; 'kill -9 {pid}' ends it.")
        time.sleep(0.1)
    return pid


@contextlib.contextmanager
def _lock_file(folder: Path) -> Iterator[int]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise BadConfiguration(
            f"the folder {folder} cannot be written ({error.strerror}); make it writable or set THOR_VAR_DIR."
        ) from None
    try:
        yield file
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(file: int) -> int:
    return int(os.pread(file, 20, 0).split()[0] or 0)
