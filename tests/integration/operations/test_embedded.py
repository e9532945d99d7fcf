"""The embedded server: one a folder, with its data, whoever starts it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from thor import connections, embedded
from thor.env import BASE_DIR, env

pytestmark = pytest.mark.usefixtures("configured")

ENSURE = "from thor import embedded; embedded.ensure()"


def client() -> redis.Redis:
    return redis.Redis(unix_socket_path=str(embedded.socket_path()))


def test_asking_for_the_address_starts_nothing() -> None:
    address = connections.broker_url()

    assert address == f"redis+socket://{embedded.socket_path()}?virtual_host=0"
    assert not embedded.answers(embedded.socket_path())


def test_it_keeps_what_it_holds_over_a_stop() -> None:
    embedded.ensure()
    client().set("kept", "yes")

    assert embedded.stop()
    embedded.ensure()

    assert client().get("kept") == b"yes"


def test_it_keeps_what_it_holds_over_a_kill() -> None:
    embedded.ensure()
    client().set("kept", "yes")

    os.kill(client().info("server")["process_id"], signal.SIGKILL)
    embedded.ensure()

    assert client().get("kept") == b"yes"


def test_many_processes_that_need_it_at_once_start_one() -> None:
    def start(_: int) -> int:
        return subprocess.run([sys.executable, "-c", ENSURE], cwd=BASE_DIR, env=os.environ).returncode

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(start, range(4)))

    assert statuses == [0, 0, 0, 0]
    log = (env().var_dir / "valkey" / "valkey.log").read_text()
    assert log.count("Ready to accept connections") == 1


def test_nobody_else_can_be_the_server_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure()
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)

    with pytest.raises(embedded.EmbeddedServerFailed, match="another Valkey keeps"), embedded.ownership():
        pytest.fail("two servers on one file")


def test_who_takes_over_ends_the_server_that_runs() -> None:
    embedded.ensure()
    first = client().info("server")["process_id"]

    with embedded.ownership(take_over=True) as lock:
        process = embedded.start(embedded.socket_path(), lock)
    embedded.wait_until_ready(embedded.socket_path(), lambda: process.poll() is not None)

    assert client().info("server")["process_id"] == process.pid != first


def test_stopping_where_none_runs_says_so() -> None:
    assert not embedded.stop()


def test_a_server_that_cannot_start_is_one_sentence_that_names_its_log() -> None:
    folder = env().var_dir / "valkey" / "appendonlydir"
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where a folder must be")

    with pytest.raises(embedded.EmbeddedServerFailed, match=r"valkey\.log says why, or set REDIS_URL"):
        embedded.ensure()


def test_a_long_folder_has_its_socket_where_the_path_is_short(configured: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configured.setenv("THOR_VAR_DIR", str(tmp_path / ("long" * 30)))
    env.cache_clear()

    embedded.ensure()

    assert len(str(embedded.socket_path())) <= embedded.LONGEST_SOCKET_PATH
    assert client().ping()
