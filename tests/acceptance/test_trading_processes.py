"""What beats and workers of their own do about trading: they keep its log, and refuse what it cannot go on with."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.house import BIN, House, built
from thor.markets.sessions import sessions_of_calendar
from thor.operations.programs import surroundings
from thor.testing.alpaca_faults import status
from thor.testing.alpaca_rest import AlpacaRest
from thor.timing import SystemClock

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CELERY = (str(BIN / "celery"), "-A", "thor")
PROGRAMS = {"beat": (*CELERY, "beat"), "worker": (*CELERY, "worker", "-c", "1")}


@pytest.fixture
def rest() -> Iterator[AlpacaRest]:
    """Serve Alpaca's trading API."""
    with AlpacaRest(SystemClock().now, sessions=sessions_of_calendar("XNYS")) as server:
        yield server


def at_alpaca(house: House, rest: AlpacaRest) -> House:
    """Let the processes of a house trade at a server of this machine."""
    keys = {"APCA_API_KEY_ID": rest.key, "APCA_API_SECRET_KEY": rest.secret}
    house.variables |= {"THOR_BROKER": "alpaca", "APCA_API_BASE_URL": rest.url, **keys}
    return house


def test_what_a_worker_says_of_trading_is_in_the_log(house: House) -> None:
    house.beat()
    house.worker()
    house.wait_for(lambda: " ready." in house.log("worker"), "the worker to be ready")
    file = house.folder / "logs" / "us" / "paper" / "scheduler.log"

    assert house.manage("run_now", "health_check").returncode == 0

    said = house.wait_for(lambda: file.exists() and "Health check | equity=$" in file.read_text(), "the line")
    assert said
    assert " thor.trading Health check | equity=$100000.00 buying_power=$" in file.read_text()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("flag", ["account_blocked", "trading_blocked"])
def test_a_blocked_account_is_refused_with_a_sentence(house: House, rest: AlpacaRest, name: str, flag: str) -> None:
    rest.said[flag] = True

    done = at_alpaca(house, rest).run(*PROGRAMS[name])

    assert done.returncode == 2
    sentence = f"thor: the account at alpaca is {flag}; settle that with the broker before trading."
    assert done.stderr.splitlines()[-1] == sentence


def test_a_program_of_up_that_is_started_anew_goes_on_though_the_account_is_blocked(
    house: House, rest: AlpacaRest
) -> None:
    rest.said["account_blocked"] = True
    house.variables["THOR_ACCOUNT_ASKED"] = surroundings()["THOR_ACCOUNT_ASKED"]

    process = at_alpaca(house, rest).start("worker", *PROGRAMS["worker"], "-l", "info")

    house.wait_for(lambda: " ready." in house.log("worker"), "it to go on")
    assert process.poll() is None


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_broker_that_is_silent_is_only_told_of(house: House, rest: AlpacaRest, name: str) -> None:
    for _ in range(20):
        rest.fail(status(503), path="/v2/account")

    process = at_alpaca(house, rest).start(name, *PROGRAMS[name], "-l", "info")

    house.wait_for(lambda: "alpaca did not answer" in house.log(name), "the warning")
    word = {"beat": "thor.lease.gained", "worker": " ready."}[name]
    house.wait_for(lambda: word in house.log(name), "it to go on")
    assert process.poll() is None


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_folder_that_cannot_be_is_refused_with_a_sentence(house: House, tmp_path: Path, name: str) -> None:
    (tmp_path / "desk").write_text("a file")
    house.variables["BASE_DIR"] = str(tmp_path / "desk")

    done = house.run(*PROGRAMS[name])

    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"thor: the folder {tmp_path / 'desk'}")
    assert last.endswith("make it writable or set BASE_DIR.")


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("key", "because"), [("narnia", "is no market"), ("crypto", "never closes")])
def test_a_market_that_cannot_be_traded_is_refused_with_a_sentence(
    house: House, name: str, key: str, because: str
) -> None:
    house.variables["THOR_TRADING_MARKET"] = key

    done = house.run(*PROGRAMS[name])

    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"thor: THOR_TRADING_MARKET={key!r} cannot be used: ")
    assert because in last


def test_a_replay_can_be_begun_anew_in_the_same_folder() -> None:
    replay = {"THOR_CLOCK": "replay", "THOR_REPLAY_SPEED": "60", "THOR_JOBS": "none"}
    with built(**replay, THOR_REPLAY_START="2024-07-09T13:00:00+00:00") as house:
        house.prepare()

        house.variables["THOR_REPLAY_START"] = datetime(2024, 7, 10, 13, tzinfo=UTC).isoformat()
        refused = house.manage("trading")
        ended = house.manage("down")
        begun = house.manage("trading")

        assert refused.returncode == 2
        assert "another replay, from 2024-07-09T13:00:00+00:00 at 60.0×" in refused.stderr
        assert "if nothing of it runs any more, let go of it: manage.py down" in refused.stderr
        assert ended.returncode == 0
        assert begun.returncode == 0, begun.stderr
