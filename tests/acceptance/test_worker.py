"""What a worker bears: brokers that die, answer with errors or cannot start; a database that is away; dead children."""

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from tests.acceptance.chaos.proxy import Wires
from tests.acceptance.chaos.servers import Forgetful, Postgres
from tests.acceptance.house import HANGS, House, built
from tests.postgres import programs

pytestmark = [pytest.mark.slow, pytest.mark.alone]

OWN = """
import os, signal, time
from celery import shared_task

LOG = {log!r}


@shared_task(bind=True)
def work(self, what=""):
    with open(LOG, "a") as file:
        file.write(f"{{self.request.id}} {{what}} {{os.getpid()}}\\n")
    if what == "leave":
        os._exit(7)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("sleep"):
        time.sleep(float(what.split()[1]))
    while what == "wait" and not os.path.exists(LOG + ".go"):
        time.sleep(0.1)
    return what
"""

#: Write runs that are due and send their messages, as a leader does; the answer is their ids.
RUNS = """
import uuid
from datetime import timedelta
from thor.celery import app
from thor.jobs.claim import HEADER, header
from thor.jobs.models import Run
from thor.timing import Occurrence, SystemClock, run_id
now = SystemClock().now()
answer = []
for number, what in enumerate({whats!r}):
    entry, end = uuid.uuid4(), now + timedelta(seconds={seconds})
    uid = run_id(entry, now)
    Run.objects.create(uid=uid, entry=entry, name=what, task="own_tasks.work", nominal_at=now, due_at=now,
                       deadline_at=end, decided_at=now, state="due", queue="default", repeatable={repeatable})
    app.send_task("own_tasks.work", (what,), task_id=str(uid), retry=False,
                  headers={{HEADER: {{**header(Occurrence(entry, now, end)), "claim": True}}}})
    answer.append(str(uid))
"""


def send_runs(house: House, *whats: str, seconds: float = 600, repeatable: bool = False) -> list[str]:
    """Send runs of the task above; return their ids."""
    found: list[str] = house.python(RUNS.format(whats=whats, seconds=seconds, repeatable=repeatable))
    return found


def state_of(house: House, name: str) -> tuple[Any, ...]:
    return house.rows(f"SELECT state, reason, attempt FROM jobs_run WHERE name = '{name}'")[0]


@contextmanager
def standing(tmp_path: Path, **variables: str) -> Iterator[tuple[House, Path]]:
    """Build a house that knows the task above; yield it and the file that bodies write to."""
    log = tmp_path / "log"
    log.touch()
    (tmp_path / "own_tasks.py").write_text(OWN.format(log=str(log)))
    with built(PYTHONPATH=str(tmp_path), THOR_IMPORTS="own_tasks", THOR_JOBS="none", **variables) as house:
        yield house.prepare(), log


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Forgetful]:
    """Return a Redis that keeps nothing."""
    server = Forgetful(tmp_path)
    yield server
    server.thaw()
    server.kill()


@pytest.fixture
def served(tmp_path: Path, forgetful: Forgetful) -> Iterator[tuple[House, Path]]:
    """Return a house whose broker is that Redis."""
    with standing(tmp_path, REDIS_URL=f"redis://127.0.0.1:{forgetful.port}/0") as made:
        yield made


def started(house: House, *options: str) -> psutil.Process:
    """Start a worker and wait until it is ready."""
    process = psutil.Process(house.worker("worker", *options).pid)
    house.wait_for(lambda: " ready." in house.log("worker"), "the worker to be ready")
    return process


def consumes(house: House, log: Path, word: str) -> None:
    """Send a task to the worker until its body has run: the same process as ever must do it."""
    script = f"from thor.celery import app; app.send_task('own_tasks.work', ({word!r},), retry=False)"

    def tried() -> bool:
        assert house.processes["worker"].poll() is None, house.log("worker")[-3000:]
        return word in log.read_text()

    done = house.manage("shell", "-v", "0", "-c", script)
    assert done.returncode == 0, done.stderr
    house.wait_for(tried, f"the body {word!r} to run")


def test_a_worker_outlives_a_broker_that_dies_again_and_again(served: tuple[House, Path], forgetful: Forgetful) -> None:
    house, log = served
    started(house)

    for number, pause in enumerate((0.0, 0.05, 0.6, 1.1, 1.7, 2.4)):  # a reconnection takes about two seconds
        forgetful.kill()
        forgetful.start()
        time.sleep(pause)
        if number == 3:
            forgetful.freeze()
            time.sleep(0.5)

    consumes(house, log, "alive")


@pytest.mark.parametrize(
    ("setting", "answer"), [("maxmemory", "used memory"), ("min-replicas-to-write", "good replicas")]
)
def test_a_worker_outlives_a_broker_that_refuses_to_write(
    served: tuple[House, Path], forgetful: Forgetful, setting: str, answer: str
) -> None:
    house, log = served
    started(house)

    with redis.Redis(port=forgetful.port) as client:
        client.config_set(setting, "1")
        client.client_kill_filter(_type="normal", skipme=True)
        house.wait_for(lambda: house.log("worker").count(answer) > 2, "several refusals")
        client.config_set(setting, "0")

    consumes(house, log, "alive")


def test_a_worker_outlives_an_embedded_server_that_cannot_start(tmp_path: Path) -> None:
    with standing(tmp_path) as (house, log):
        started(house)
        kept = house.folder / "valkey"
        (server,) = (
            each for each in psutil.process_iter() if str(house.folder / "valkey.sock") in " ".join(line(each))
        )

        server.kill()
        (manifest,) = kept.rglob("*.manifest")
        manifest.write_text("spoiled")
        house.wait_for(lambda: "thor.worker.reconnecting" in house.log("worker"), "the failure to start it")
        shutil.rmtree(kept)

        consumes(house, log, "alive")


def line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_warm_shutdown_puts_back_what_was_reserved_at_once(served: tuple[House, Path], forgetful: Forgetful) -> None:
    house, log = served
    started(house, "-c", "1")
    send_runs(house, "wait", "first", "second", "third")
    house.wait_for(lambda: log.read_text(), "the first body to begin")

    house.processes["worker"].send_signal(signal.SIGTERM)
    house.wait_for(lambda: "Warm shutdown" in house.log("worker"), "the worker to hear it")
    log.with_name(f"{log.name}.go").touch()
    assert house.processes.pop("worker").wait(timeout=HANGS) == 0

    assert state_of(house, "wait")[0] == "succeeded"
    with redis.Redis(port=forgetful.port) as client:
        waiting, unacknowledged = client.llen("default"), client.hlen("unacked")
    due = house.count("SELECT count(*) FROM jobs_run WHERE state = 'due'")
    assert (waiting, unacknowledged) == (due, 0)
    assert due >= 2  # one may have been handed to the pool already


def test_a_message_that_comes_again_is_thrown_away(served: tuple[House, Path], forgetful: Forgetful) -> None:
    house, log = served
    send_runs(house, "once")
    with redis.Redis(port=forgetful.port) as client:
        (message,) = client.lrange("default", 0, -1)
        started(house)
        house.wait_for(lambda: state_of(house, "once")[0] == "succeeded", "the run")

        client.lpush("default", *[message] * 20)
        house.wait_for(lambda: not client.llen("default") and not client.hlen("unacked"), "the queue to be empty")

    assert state_of(house, "once") == ("succeeded", "", 1)
    assert len(log.read_text().splitlines()) == 1


def test_each_death_of_a_child_is_recorded_and_the_others_work_on(served: tuple[House, Path]) -> None:
    house, log = served
    started(house, "-c", "3", "--max-tasks-per-child", "2")
    send_runs(house, "sleep 4", "leave", "kill", *(f"quick {number}" for number in range(12)))

    house.wait_for(lambda: house.count("SELECT count(*) FROM jobs_run WHERE finished_at IS NULL") == 0, "all to end")

    assert state_of(house, "sleep 4") == ("succeeded", "", 1)
    for name in ("leave", "kill"):
        state, reason, attempt = state_of(house, name)
        assert (state, attempt) == ("lost", 1)
        assert reason.startswith("the process died")
    assert house.count("SELECT count(*) FROM jobs_run WHERE state = 'succeeded'") == 13
    assert len({entry.split()[-1] for entry in log.read_text().splitlines()}) > 5  # children come and go
    consumes(house, log, "alive")


def test_a_repeatable_run_whose_child_dies_waits_to_be_published_again(served: tuple[House, Path]) -> None:
    house, _ = served
    started(house)
    send_runs(house, "kill", repeatable=True)

    house.wait_for(lambda: state_of(house, "kill")[0] == "due" and state_of(house, "kill")[2] == 1, "the loss")

    assert state_of(house, "kill")[1].startswith("lost: the process died")
    assert house.count("SELECT lane FROM jobs_run") == 2


@pytest.mark.postgres
def test_a_claim_that_meets_no_database_is_left_to_the_ledger(
    tmp_path: Path, forgetful: Forgetful, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed here")
    server, wires = Postgres(found), Wires()
    wire = wires.lay("127.0.0.1", server.port)
    try:
        monkeypatch.setenv("DATABASE_URL", server.url)
        with standing(tmp_path, REDIS_URL=f"redis://127.0.0.1:{forgetful.port}/0") as (house, log):
            direct = house.database_url
            house.database_url = direct.replace(f":{server.port}/", f":{wire.port}/")
            started(house)
            house.database_url = direct
            wire.cut(silent=False)

            send_runs(house, "unlucky")
            house.wait_for(lambda: "thor.run.unclaimed" in house.log("worker"), "the worker to give up")
            with redis.Redis(port=forgetful.port) as client:
                house.wait_for(lambda: not client.hlen("unacked"), "the acknowledgement")
                assert client.llen("default") == 0
            wire.mend()

            assert state_of(house, "unlucky") == ("due", "", 0)
            send_runs(house, "lucky")
            house.wait_for(lambda: state_of(house, "lucky")[0] == "succeeded", "the next run")
            assert "unlucky" not in log.read_text()
    finally:
        server.close()
        wires.close()
