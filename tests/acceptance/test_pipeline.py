"""A replay through feed, Valkey, beat, worker and database: what folded runs say, and what cannot be replayed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.house import House, built

pytestmark = [pytest.mark.database, pytest.mark.recordings, pytest.mark.slow, pytest.mark.alone]

#: A minute before the first trade at 04:00 in New York (UTC-4).
START = datetime(2013, 10, 7, 7, 59, tzinfo=UTC)
SPEED = 1500
SYMBOLS = ("SPY", "IBM")


def path_of(recordings: Path, symbol: str) -> Path:
    return recordings / f"lean/Data/equity/usa/tick/{symbol.lower()}/20131007_trade.zip"


@pytest.fixture
def replaying(recordings: Path) -> Iterator[House]:
    """Return a house in which the seventh of October 2013 is about to begin."""
    files = [path_of(recordings, symbol) for symbol in SYMBOLS]
    for file in files:
        if not file.is_file():
            pytest.skip(f"the recording {file.name} is not at {file}")
    variables = {
        "THOR_CLOCK": "replay",
        "THOR_REPLAY_START": START.isoformat(),
        "THOR_REPLAY_SPEED": str(SPEED),
        "THOR_FEED": "us_equities=replay",
        "THOR_REPLAY_FILES": ",".join(str(file) for file in files),
    }
    with built(**variables) as house:
        yield house


def test_a_folded_run_says_how_many_slots_it_stands_for(replaying: House) -> None:
    house = replaying.prepare()
    house.worker()
    house.feed()
    house.beat()

    folded = (
        "SELECT count(*) FROM jobs_run WHERE name = 'intraday @ us_equities' AND count > 100 AND state = 'succeeded'"
    )
    house.wait_for(lambda: house.count(folded) >= 3, "folded runs")


@pytest.mark.parametrize("content", [None, b"no zip at all", b""], ids=["absent", "no zip", "empty"])
def test_a_replay_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "20131007_trade.zip"
    if content is not None:
        file.write_bytes(content)
    with built(THOR_FEED="us_equities=replay", THOR_REPLAY_FILES=str(file)) as house:
        done = house.prepare().manage("run_feed")

        assert done.returncode == 2
        assert str(file) in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
