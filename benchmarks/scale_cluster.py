"""A private PostgreSQL that holds one large table, and can forget what it has cached.

While the table is built nothing is synced: what is measured afterwards are reads, with PostgreSQL's own settings.
`cool` stops the server, has the system let go of the pages of its files (and of no others), and starts it again.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from benchmarks.processes import ROOT
from tests.postgres import USER, programs

BUILDING = "-c fsync=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=8GB -c maintenance_work_mem=2GB"


class Cluster:
    """A cluster in a folder; stays there where the folder was given, so that a table need be built only once."""

    def __init__(self, folder: Path) -> None:
        """Make the cluster in `folder`, unless there is one."""
        found = programs()
        if found is None:
            raise SystemExit("The benchmark needs PostgreSQL's programs (initdb, pg_ctl, postgres); install them.")
        self.folder, self._rows = folder, folder / "rows"
        self._as_user = {"user": USER, "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
        if os.getuid() == 0:
            shutil.chown(folder, USER)
        self._control = [str(found / "pg_ctl"), "-D", str(self._rows), "-w", "-t", "600", "-l", str(folder / "log")]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"postgres://{USER}@127.0.0.1:{self._port}/postgres"
        if not (self._rows / "PG_VERSION").exists():
            self._call(str(found / "initdb"), "-D", str(self._rows), "-U", USER, "-A", "trust", "-E", "UTF8")

    def start(self, settings: str = "") -> None:
        """Start the server with PostgreSQL's defaults and these settings."""
        options = f"-p {self._port} -k {self.folder} -c listen_addresses=127.0.0.1 {settings}"
        self._call(*self._control, "-o", options, "start")

    def stop(self) -> None:
        """Stop the server in order, whoever is connected."""
        subprocess.run([*self._control, "-m", "fast", "stop"], check=False, capture_output=True, **self._as_user)

    def cool(self, settings: str = "") -> None:
        """Start the server again with nothing of its files in memory."""
        self.stop()
        os.sync()
        for path in self._rows.rglob("*"):
            if path.is_file():
                _forget(path)
        self.start(settings)

    def connect(self) -> psycopg.Connection:
        """Return a connection that commits each statement."""
        return psycopg.connect(self.url, autocommit=True)

    def migrate(self) -> None:
        """Make Thor's tables."""
        environment = {**os.environ, "DATABASE_URL": self.url, "DJANGO_SETTINGS_MODULE": "thor.settings"}
        environment |= {"PYTHONPATH": str(ROOT), "THOR_VAR_DIR": str(self.folder)}
        command = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
        subprocess.run(command, check=True, env=environment, cwd=ROOT)

    def _call(self, *command: str) -> None:
        # pg_ctl leaves the server its standard output: a pipe would never end.
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        if subprocess.run(command, check=False, **quiet, **self._as_user).returncode:
            raise SystemExit(f"{Path(command[0]).name} failed; see {self.folder / 'log'}")


@contextlib.contextmanager
def cluster(folder: Path | None) -> Iterator[Cluster]:
    """Give a cluster that is not started; in a folder that is gone afterwards, where none is given."""
    place = folder or Path(tempfile.mkdtemp(prefix="thor-scale-"))
    place.mkdir(parents=True, exist_ok=True)
    made = Cluster(place)
    try:
        yield made
    finally:
        made.stop()
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def _forget(path: Path) -> None:
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
