"""`context.stop_event`: a job of the protocol of old hears that its process ends, under every driver."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.heartbeats import ended, heartbeat, notes, standing
from tests.acceptance.house import House

pytestmark = pytest.mark.slow

#: Waits for the end of its process, nearly as long as it may.
WAITS = """
from thor.jobs.protocol import JobRegistry


class Waits:
    name = "waits"
    interval_seconds = 1

    def should_run(self, now, state):
        return True

    def run(self, context):
        with (HERE / "notes").open("a") as file:
            file.write("begins now\\n")
        heard = context.stop_event.wait(25)
        with (HERE / "notes").open("a") as file:
            file.write(f"heard {heard}\\n")


JobRegistry().register(Waits())
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return a house with that job alone."""
    with standing(tmp_path, WAITS) as made:
        yield made


def test_under_the_heartbeat(house: House, tmp_path: Path) -> None:
    heartbeat(house)
    house.wait_for(lambda: notes(tmp_path, "begins"), "the body to begin")

    house.processes["heartbeat"].send_signal(signal.SIGTERM)

    assert ended(house) == 0
    assert notes(tmp_path, "heard") == ["True"]


def test_under_the_legacy_stack(house: House, tmp_path: Path) -> None:
    house.variables["THOR_SCHEDULER_MODE"] = "legacy"
    house.start("supervisor", sys.executable, "manage.py", "run_supervisor")
    house.wait_for(lambda: notes(tmp_path, "begins"), "the body to begin")

    assert house.kill("supervisor", signal.SIGTERM) == 0
    assert notes(tmp_path, "heard") == ["True"]


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_on_a_worker(house: House, tmp_path: Path, pool: str) -> None:
    house.worker("worker", "-P", pool)
    house.beat()
    house.wait_for(lambda: notes(tmp_path, "begins"), "the body to begin")
    house.kill("beat")  # at once: the body waits for so long only

    assert house.kill("worker", signal.SIGTERM) == 0
    assert set(notes(tmp_path, "heard")) == {"True"}
