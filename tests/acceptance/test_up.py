"""`manage.py up`, for real: it is ready, it survives what is killed, and it ends without a trace."""

import http.cookiejar
import os
import re
import signal
import socket
import stat
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from tests.acceptance.house import HANGS
from tests.acceptance.whole import Whole, manage, surroundings

pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Yield one running Thor for the tests that leave it running."""
    running = Whole(tmp_path_factory.mktemp("whole"))
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Whole]:
    """Yield a running Thor for a test that ends it."""
    running = Whole(tmp_path)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.close()


def test_it_says_how_soon_it_was_ready(whole: Whole) -> None:
    seconds = re.search(r"Thor is ready after ([0-9.]+) s", whole.said())

    assert seconds is not None
    # It takes less than ten where the machine is its own; the bound tells a slow one from a start that waits in vain.
    assert float(seconds[1]) < 120


def test_every_page_asks_for_a_log_in(whole: Whole) -> None:
    status, _, location = whole.get("THOR_WEB_PORT", "/")

    assert (status, location) == (302, "/login/?next=/")


def test_the_printed_password_opens_the_pages(whole: Whole) -> None:
    password = re.search(r"user admin, password (\S+)", whole.said())
    assert password is not None
    site = f"http://127.0.0.1:{whole.environment['THOR_WEB_PORT']}"
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))

    form = browser.open(f"{site}/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token is not None
    fields = {"username": "admin", "password": password[1], "csrfmiddlewaretoken": token[1]}
    page = browser.open(f"{site}/login/?next=/admin/", urllib.parse.urlencode(fields).encode())

    assert page.url == f"{site}/admin/"
    assert "Site administration" in page.read().decode()


def test_the_password_is_kept_for_its_owner_alone(whole: Whole) -> None:
    kept = whole.folder / "admin_password"

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().strip() in whole.said()


def test_runs_appear_in_the_ledger_and_in_flower(whole: Whole) -> None:
    whole.wait_for_runs()

    query = "draw=1&start=0&length=5&search[value]=&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"
    # Flower hears of a run by an event, which may come after the ledger says so.
    whole.wait_for(
        lambda: '"state": "SUCCESS"' in whole.get("THOR_FLOWER_PORT", f"/tasks/datatable?{query}")[1], "a run in Flower"
    )
    assert whole.get("THOR_FLOWER_PORT", f"/tasks/datatable?{query}")[0] == 200


def test_the_jobs_are_listed(whole: Whole) -> None:
    whole.wait_for_line("next (UTC)")

    assert re.search(r"thor +\| intraday +crypto +every 1 s", whole.said())


def test_flower_listens_on_loopback_only_and_takes_no_orders_from_strangers(whole: Whole) -> None:
    port = int(whole.environment["THOR_FLOWER_PORT"])
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == "LISTEN"}

    status, _, _ = whole.get("THOR_FLOWER_PORT", "/api/tasks")

    assert listening == {"127.0.0.1"}
    assert status == 401


def test_another_replay_can_follow_in_the_same_folder(tmp_path: Path) -> None:
    replay = {"THOR_CLOCK": "replay", "THOR_JOBS": "none"}
    said = []
    for start, number in (("2024-07-09T13:00:00+00:00", signal.SIGTERM), ("2024-07-10T13:00:00+00:00", signal.SIGKILL),
                          ("2024-07-11T13:00:00+00:00", signal.SIGTERM)):  # fmt: skip
        running = Whole(tmp_path, **replay, THOR_REPLAY_START=start)
        try:
            running.wait_until_ready()
            said.append(running.said())
            running.process.send_signal(number)
            running.process.wait(timeout=HANGS)
        finally:
            running.close()

    assert len(said) == 3
    assert not any("another replay" in one for one in said)


def test_a_second_one_in_the_same_folder_is_refused(whole: Whole) -> None:
    environment = surroundings(whole.folder)

    done = manage("up", environment=environment)

    assert done.returncode == 2
    assert f"Thor already runs in {whole.folder} (process {whole.process.pid})" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["web", "feed", "worker-market-data", "worker-trading", "flower", "valkey", "beat"])
def test_a_killed_program_runs_again_and_runs_go_on(whole: Whole, name: str) -> None:
    before, printed = whole.pids(name), len(whole.said())
    assert before

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    whole.wait_for_line("was ended by SIGKILL; it starts again in", after=printed)
    whole.wait_for(lambda: len(whole.pids(name) - before) == len(before), f"{name} runs again")
    whole.wait_for_runs()


def test_a_worker_that_was_killed_leaves_no_pool_behind(whole: Whole) -> None:
    whole.wait_for(lambda: bool(whole.pids("worker-trading")), "worker")
    (worker,) = whole.pids("worker-trading")
    whole.wait_for(lambda: bool(psutil.Process(worker).children()), "its pool")
    pool = psutil.Process(worker).children()

    os.kill(worker, signal.SIGKILL)

    assert not psutil.wait_procs(pool, timeout=HANGS)[1]
    whole.wait_for(lambda: bool(whole.pids("worker-trading")), "a new worker")


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


def test_valkey_keeps_what_it_held_when_it_is_killed(whole: Whole) -> None:
    client = redis.Redis(unix_socket_path=str(whole.folder / "valkey.sock"))
    whole.wait_for(lambda: answers(client), "valkey")
    client.set("kept", "over the end")
    # A busy disk may hold up its file for seconds; what is asked about is what has reached it.
    assert client.execute_command("WAITAOF", 1, 0, 30_000)[0] == 1
    (before,) = whole.pids("valkey")

    os.kill(before, signal.SIGKILL)
    whole.wait_for(lambda: bool(whole.pids("valkey") - {before}), "valkey runs again")
    whole.wait_for(lambda: answers(client), "valkey has read its file")

    assert client.get("kept") == b"over the end"
    whole.wait_for_runs()


def test_ctrl_c_ends_everything_with_status_0_and_leaves_no_process(alone: Whole) -> None:
    alone.wait_for_runs()

    status = alone.ctrl_c()

    assert status == 0
    assert alone.leftovers() == []
    assert "Traceback" not in alone.said()


def test_down_ends_everything_and_a_second_start_keeps_what_was_there(alone: Whole) -> None:
    alone.wait_for_runs()
    password = (alone.folder / "admin_password").read_text()

    done = manage("down", environment=alone.environment)

    assert done.returncode == 0
    assert done.stdout == f"Thor in {alone.folder} (process {alone.process.pid}) has ended.\n"
    assert alone.process.wait(HANGS) == 0
    assert alone.leftovers() == []

    again = Whole(alone.folder.parent)
    try:
        again.wait_until_ready()
        assert again.runs() > 0
        assert password.strip() not in again.said()
    finally:
        again.ctrl_c()
        again.close()


def test_a_supervisor_that_is_killed_takes_everything_with_it(alone: Whole) -> None:
    assert len(alone.programs()) == 8

    alone.process.kill()

    alone.wait_for_no_leftovers()


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(
            tmp_path,
            f"port {port} on 127.0.0.1 is in use: stop what uses it or set THOR_FLOWER_PORT.",
            THOR_FLOWER_PORT=str(port),
        )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL cannot be used: write postgres://"),
        ({"DATABASE_URL": "sqlite:////proc/none/thor.sqlite3"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://u:hidden@127.0.0.1:1/thor"}, "the database thor at 127.0.0.1:1 cannot be used"),
        ({"REDIS_URL": "redis://:hidden@127.0.0.1:1/0"}, "Redis at redis://127.0.0.1:1/0 cannot be used"),
        ({"REDIS_URL": "nonsense"}, "REDIS_URL='nonsense' cannot be used"),
        ({"THOR_BROKER_URL": "amqp://u:hidden@127.0.0.1:1//"}, "the broker at amqp://127.0.0.1:1// cannot be used"),
        ({"THOR_BROKER_URL": "nonsense://x"}, "the broker at nonsense://x cannot be used"),
        ({"THOR_VAR_DIR": "/proc/none"}, "THOR_VAR_DIR"),
        ({"THOR_HOST": "0.0.0.0"}, "Flower on 0.0.0.0 would be open to everybody: set FLOWER_BASIC_AUTH"),
        (
            {"THOR_HOST": "192.0.2.1", "FLOWER_BASIC_AUTH": "me:hidden"},
            "THOR_HOST='192.0.2.1' is not an address of this machine",
        ),
        ({"THOR_WEB_PROT": "80"}, "THOR_WEB_PROT is not a variable of Thor; did you mean THOR_WEB_PORT?"),
        ({"THOR_WEB_PORT": "123456"}, "THOR_WEB_PORT='123456' cannot be used"),
        ({"THOR_WEB_PORT": "5001", "THOR_FLOWER_PORT": "5001"}, "are both 5001"),
        ({"THOR_CLOCK": "replay"}, "THOR_CLOCK=replay needs THOR_REPLAY_START"),
    ],
)
def test_bad_configuration_is_one_sentence_and_nothing_is_started(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    said = refused(tmp_path, sentence, **variables)

    assert "hidden" not in said


def test_a_replay_file_that_cannot_be_read_ends_everything_with_the_feeds_own_sentence(tmp_path: Path) -> None:
    running = Whole(tmp_path, THOR_FEED="replay", THOR_REPLAY_FILES=str(tmp_path / "none.csv"))
    try:
        assert running.process.wait(HANGS) == 2
        assert re.search(r"feed +\| .*none\.csv", running.said())
        assert "feed cannot run with this configuration, it says why above; everything ends." in running.said()
        assert "Traceback" not in running.said()
        running.wait_for_no_leftovers()
    finally:
        running.close()


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    done = manage("down", environment=surroundings(tmp_path / "var"))

    assert (done.returncode, done.stdout) == (0, f"Nothing runs in {tmp_path / 'var'}.\n")


def test_the_demo_runs_a_day_in_a_folder_of_its_own_and_says_when_it_is_over(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/mine.sqlite3"
    start = "2024-07-03T16:50:00+00:00"
    running = Whole(
        tmp_path,
        "demo",
        DATABASE_URL=database,
        REDIS_URL="redis://127.0.0.1:1",
        THOR_REPLAY_START=start,
        THOR_REPLAY_SPEED="240",
    )
    running.folder = running.folder / "demo"
    try:
        running.wait_until_ready()
        running.wait_for_runs(more=10)
        # 2024-07-03 is a half day: New York closes at 17:00 UTC, and an hour later its day is over.
        running.wait_for_line("The day is over: the replay has passed 2024-07-03 18:00 UTC.")
        assert running.ctrl_c() == 0
        assert running.leftovers() == []
        assert not (tmp_path / "mine.sqlite3").exists()
    finally:
        running.close()


def refused(folder: Path, sentence: str, **variables: str) -> str:
    """Run `up`, which must end with status 2, one line that holds the sentence, and nothing started."""
    environment = {**surroundings(folder / "var"), **variables}

    done = manage("up", environment=environment)

    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert done.stderr.startswith("thor: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (folder / "var" / "valkey.sock").exists()
    return done.stderr
