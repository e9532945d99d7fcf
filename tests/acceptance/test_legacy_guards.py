"""In legacy mode web servers start the stack, one of them leads, and nothing else starts a thread: real processes."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.house import BIN
from tests.acceptance.legacy import Witnessed, witnessed
from tests.ports import free_port

pytestmark = [pytest.mark.database, pytest.mark.slow]

COMMANDS = (
    ("migrate",),
    ("makemigrations", "--check", "--dry-run"),
    ("collectstatic", "--noinput"),
    ("shell", "-c", "pass"),
    ("createsuperuser", "--noinput"),
    ("test", "thor.timing"),
    ("check",),
    ("sync_jobs",),
    ("jobs",),
    ("leader",),
    ("plan",),
    ("help", "runserver"),
    ("runserver", "--help"),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witnessed]:
    """Return a house for processes that start nothing."""
    superuser = {"DJANGO_SUPERUSER_PASSWORD": "x", "DJANGO_SUPERUSER_USERNAME": "u", "DJANGO_SUPERUSER_EMAIL": "u@x.y"}
    with witnessed(tmp_path_factory.mktemp("witness"), **superuser) as found:
        yield found


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Witnessed]:
    """Return a house for one test."""
    with witnessed(tmp_path) as found:
        yield found


def forget(found: Witnessed) -> None:
    for path in found.folder.glob("threads-*"):
        path.unlink()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_management_command_starts_no_thread(shared: Witnessed, command: tuple[str, ...]) -> None:
    forget(shared)

    done = shared.house.manage(*command)

    assert "Traceback" not in done.stderr
    assert shared.threads(), "the command has not loaded the application"
    assert not {name for names in shared.threads().values() for name in names if name.startswith("thor-")}


def test_pytest_starts_no_thread(shared: Witnessed, tmp_path: Path) -> None:
    forget(shared)
    (tmp_path / "test_it.py").write_text("import django\ndjango.setup()\n\n\ndef test_it():\n    assert True\n")
    shared.house.variables["DJANGO_SETTINGS_MODULE"] = "thor.settings"

    done = shared.house.run(str(BIN / "pytest"), "-q", "-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path))

    assert done.returncode == 0, done.stdout
    assert shared.threads()
    assert not {name for names in shared.threads().values() for name in names if name.startswith("thor-")}


def test_workers_and_beats_start_no_stack(alone: Witnessed) -> None:
    beat, worker = alone.house.beat(), alone.house.worker()
    alone.house.wait_for(lambda: " ready." in alone.house.log("worker"), "a worker")
    leads = "SELECT count(*) FROM leadership_leader WHERE id = 1 AND term > 0"
    alone.house.wait_for(lambda: alone.house.count(leads), "a beat that leads")

    assert {beat.pid, worker.pid} <= alone.threads().keys()
    assert not alone.stacks()


def test_under_the_autoreloader_its_child_alone_starts_it(alone: Witnessed) -> None:
    parent = alone.house.start("web", sys.executable, "manage.py", "runserver", str(free_port()))

    alone.wait_for_runs("witnessed")

    (child,) = alone.stacks()
    assert child in {process.pid for process in psutil.Process(parent.pid).children()}
    assert alone.leader() == child


def test_without_the_autoreloader_runserver_starts_it(alone: Witnessed) -> None:
    process = alone.house.start("web", sys.executable, "manage.py", "runserver", "--noreload", str(free_port()))

    alone.wait_for_runs("witnessed")

    assert alone.stacks() == {process.pid}


def gunicorn(found: Witnessed, *options: str, command: tuple[str, ...] = (str(BIN / "gunicorn"),)) -> int:
    served = ("thor.wsgi:application", "--workers", "3", "--bind", f"127.0.0.1:{free_port()}", "--no-control-socket")
    return found.house.start("web", *command, *served, *options).pid


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preload"])
def test_of_three_workers_of_gunicorn_one_leads_and_another_takes_over(
    alone: Witnessed, options: tuple[str, ...]
) -> None:
    master = gunicorn(alone, *options)
    alone.wait_for_runs("witnessed")
    alone.house.wait_for(lambda: len(alone.stacks()) == 3, "three stacks")
    leader = alone.leader()

    workers = {process.pid for process in psutil.Process(master).children()}
    assert alone.stacks() == workers
    assert [pid for pid, names in alone.threads().items() if "thor-witnessed" in names] == [leader]

    os.kill(leader, signal.SIGKILL)
    alone.house.wait_for(lambda: alone.leader() not in (0, leader), "another leader")
    alone.wait_for_runs("witnessed")
    assert set(alone.begun("witnessed").values()) == {1}
    assert {line[2] for line in alone.lines("witnessed")} == {str(leader), str(alone.leader())}


def test_gunicorn_ends_with_the_lease_free(alone: Witnessed) -> None:
    gunicorn(alone, command=(sys.executable, "-m", "gunicorn"))
    alone.wait_for_runs("witnessed")

    status = alone.house.kill("web", signal.SIGTERM)

    assert status == 0
    assert alone.leader() == 0
    assert alone.house.count("SELECT count(*) FROM jobs_run WHERE state = 'started'") == 0


SKIPPED = (
    "Skipping legacy VWAP/52w starters (heartbeat scheduler mode active)",
    "Skipping legacy VWAP/52w stoppers (heartbeat scheduler mode active)",
    "Skipping legacy Pre-open Backtest supervisor (heartbeat scheduler mode active)",
)


@pytest.mark.parametrize(
    "variables",
    [{"THOR_STACK_AUTO_START": "0"}, {"THOR_SCHEDULER_MODE": "heartbeat"}],
    ids=["switched off", "heartbeat"],
)
def test_a_web_server_starts_nothing_where_it_is_not_wanted(tmp_path: Path, variables: dict[str, str]) -> None:
    with witnessed(tmp_path, THOR_LOG_LEVEL="debug", **variables) as found:
        gunicorn(found)
        skipped = SKIPPED if "THOR_SCHEDULER_MODE" in variables else ("background stack (THOR_STACK_AUTO_START is 0)",)
        found.house.wait_for(lambda: all(found.house.log("web").count(line) == 3 for line in skipped), "three workers")

        assert len(found.threads()) == 3
        assert not {name for names in found.threads().values() for name in names if name.startswith("thor-")}


def test_of_two_workers_of_uvicorn_one_leads(alone: Witnessed) -> None:
    served = ("thor.asgi:application", "--workers", "2", "--port", str(free_port()))

    master = alone.house.start("web", sys.executable, "-m", "uvicorn", *served)
    alone.wait_for_runs("witnessed")
    alone.house.wait_for(lambda: len(alone.stacks()) == 2, "two stacks")

    assert master.pid not in alone.stacks()
    assert alone.leader() in alone.stacks()
    assert len([pid for pid, names in alone.threads().items() if "thor-witnessed" in names]) == 1
    assert set(alone.begun("witnessed").values()) == {1}


TWICE = """
import threading, time
from thor.drivers.supervisor import start_thor_background_stack, stop_thor_background_stack
from thor.leadership.selectors import leader_status
first, second = (start_thor_background_stack(force=True, delay=0.0) for _ in range(2))
deadline = time.monotonic() + 120
while not first.leads and time.monotonic() < deadline:
    time.sleep(0.1)
names = [thread.name for thread in threading.enumerate()]
left = stop_thor_background_stack(None)
after = [thread.name for thread in threading.enumerate() if thread.name.startswith("thor-")]
counted = [names.count("thor-stack"), names.count("thor-witnessed")]
answer = [first is second, *counted, left, after, leader_status().is_held]
"""


def test_a_process_has_one_stack_and_stopping_it_joins_its_threads(alone: Witnessed) -> None:
    is_same, stacks, supervisors, left, after, is_held = alone.house.python(TWICE)

    assert (is_same, stacks, supervisors) == (True, 1, 1)
    assert (left, after, is_held) == ([], [], False)
