"""The recorded day through one process: run_heartbeat and a feed, no beat, no worker; it leaves the same, row for row.

What is expected is computed from the recordings alone (`market_day`), as for beat with workers (`test_market_day`).
"""

import signal
import sys
from pathlib import Path

import pytest

from tests.acceptance import market_day
from tests.acceptance import test_market_day as day
from tests.acceptance.house import FAILED, House
from tests.acceptance.market_day import MARKETS
from tests.acceptance.recorded import Tape

# On SQLite alone, where one process is most at home: the same day runs on PostgreSQL with beat and workers.
pytestmark = pytest.mark.recordings

lean, tape = day.lean, day.tape

#: One process does the work of beat and two workers: two thirds of their pace leave it time for all of it.
SPEED = 600


def start_heartbeat(house: House) -> None:
    """Start the one process, and the feed."""
    house.start("heartbeat", sys.executable, "manage.py", "run_heartbeat")
    house.feed()


def run_to_the_end(house: House, seconds: float) -> None:
    """Wait until everything due before the end has ended, and stop the process as a person would."""
    over = f"nominal_at > '{day.END:%Y-%m-%d %H:%M:%S}'"
    house.wait_for(
        lambda: house.count(f"SELECT count(*) FROM jobs_run WHERE {over}") > 0, "the end of the day", seconds
    )
    owed = f"SELECT count(*) FROM jobs_run WHERE state IN ('due', 'started') AND NOT {over}"
    house.wait_for(lambda: house.count(owed) == 0, "the last runs")
    assert house.kill("heartbeat", signal.SIGTERM) == 0


@pytest.mark.timeout(1200)
def test_one_process_leaves_of_a_day_what_the_recordings_say(tape: Tape, lean: Path, tmp_path: Path) -> None:
    with day.replaying(lean, tmp_path, day.START, SPEED) as house:
        start_heartbeat(house)
        run_to_the_end(house, 600)

        seen = market_day.since(tape, day.START)
        day.assert_bars(house, seen, day.END)
        day.assert_samples(house, seen)
        day.assert_captures(house, seen, lean, set(MARKETS))
        day.assert_days(house, seen, lean)
        day.assert_extremes(house, seen, lean)
        day.assert_known_answers(house)
        assert house.count(FAILED) == 0
        assert house.count("SELECT count(DISTINCT hostname) FROM jobs_run WHERE state = 'succeeded'") == 1
        assert house.count("SELECT max(attempt) FROM jobs_run") == 1
