"""Run a command against a private PostgreSQL: `python -m tests.postgres COMMAND…` sets DATABASE_URL for it.

The cluster lives in a temporary folder, listens on loopback alone and is gone afterwards. Without PostgreSQL's
programs the reason is said and nothing is run; where CI=true that is a failure. `--is-here` only tells by its status.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_port

USER = "postgres"


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, or nothing where they are not installed or do not work."""
    found = shutil.which("initdb")
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest_first = sorted((path.parent for path in versions), key=lambda folder: int(folder.parent.name), reverse=True)
    folders = [*([Path(found).parent] if found else []), *newest_first]
    return next((folder for folder in folders if _works(folder)), None)


def _works(folder: Path) -> bool:
    commands = ([str(folder / name), "--version"] for name in ("initdb", "postgres", "pg_ctl"))
    try:
        return all(subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in commands)
    except OSError:
        return False


class Cluster:
    """A private cluster in a folder of its own, on a port that stays the same when it is started again."""

    def __init__(self, bin_dir: Path, folder: Path) -> None:
        """Make the cluster in `folder`; it does not run yet."""
        self._as_user: dict[str, object] = {"user": USER, "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
        if os.getuid() == 0:
            shutil.chown(folder, USER)
        self.port = free_port()
        data = folder / "data"
        self.url = f"postgres://{USER}@127.0.0.1:{self.port}/postgres"
        self._options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        self._control = [str(bin_dir / "pg_ctl"), "-D", str(data), "-w", "-t", "300", "-l", str(folder / "log")]
        _call([str(bin_dir / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8"], self._as_user)

    def start(self) -> None:
        """Start the servers and wait until they answer."""
        _call([*self._control, "-o", self._options, "start"], self._as_user)

    def stop(self, mode: str = "immediate") -> None:
        """Stop them: `immediate` is a crash, `fast` breaks connections off in order."""
        subprocess.run([*self._control, "-m", mode, "stop"], check=False, capture_output=True, **self._as_user)


@contextlib.contextmanager
def cluster(bin_dir: Path) -> Iterator[str]:
    """Start a private cluster; yield its address, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="thor-pg-"))
    made = None
    try:
        made = Cluster(bin_dir, folder)
        made.start()
        yield made.url
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _call(command: list[str], as_user: dict[str, object]) -> None:
    # pg_ctl leaves the server its standard output: a pipe would never end.
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed with status {done.returncode}")


def main(command: list[str]) -> int:
    """Run `command` with DATABASE_URL set to a private cluster, or tell by the status whether there can be one."""
    bin_dir = programs()
    if command == ["--is-here"]:
        return 0 if bin_dir else 1
    if bin_dir is None:
        sys.stdout.write("PostgreSQL is not installed here: the tests ran on SQLite only.\n")
        return 1 if os.environ.get("CI") == "true" else 0
    with cluster(bin_dir) as url:
        return subprocess.run(command, check=False, env={**os.environ, "DATABASE_URL": url}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
