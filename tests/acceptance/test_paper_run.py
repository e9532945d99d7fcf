"""Three weeks of trading over recorded days: the same each time, and the same however often the process dies.

The first span is that of November 2016, with a half day in it and much to buy and to sell; the second that of autumn
2013, of which four days are there in real minutes of four symbols.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.house import ROOT
from tests.acceptance.paper_deaths import SCHEDULER, Death
from tests.acceptance.paper_world import SYMBOLS
from thor.operations import simulate

pytestmark = [pytest.mark.recordings, pytest.mark.once, pytest.mark.timeout(1800)]

MAIN: Final = "import django; django.setup(); from tests.acceptance.paper_run import main; main()"
AUTUMN_2016, AUTUMN_2013 = ("2016-11-07", 15), ("2013-09-24", 13)
#: The first sessions of the span of 2016: nothing is sold yet, so what is bought later makes no difference to it.
PURCHASES: Final = ("2016-11-07", 4)
DOUBTED_UNTIL: Final = "2016-11-11"
SEED: Final = 20161107
#: What is the same of an order that had to be sent minutes later.
IDENTITY: Final = ("id", "run", "symbol", "side", "kind", "purpose", "session", "state")


@dataclass(frozen=True, slots=True)
class Place:
    """One place that the undisturbed run has passed."""

    inside: str
    number: int
    in_doubt: bool
    name: str


class Paper:
    """A paper run in a process and a folder of its own."""

    def __init__(self, lean: Path, span: tuple[str, int], deaths: Sequence[Death] = ()) -> None:
        """Start it."""
        self.folder = simulate.new_folder()
        command = [sys.executable, "-c", MAIN, str(self.folder), "--lean", str(lean)]
        command += ["--first", span[0], "--sessions", str(span[1])]
        if deaths:
            (self.folder / "deaths.json").write_text(json.dumps([asdict(death) for death in deaths]))
            command += ["--deaths", str(self.folder / "deaths.json")]
        variables = {
            **simulate.surroundings(self.folder, files="", verbose=False),
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "thor.settings",
            "THOR_JOBS": "trading",
            "THOR_UNIVERSE": ",".join(SYMBOLS),
        }
        with (self.folder / "run.log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)

    def ended(self) -> "Paper":
        """Wait for its end, which has to be a good one."""
        assert self.process.wait(timeout=1500) == 0, self.read("run.log")[-5000:]
        return self

    def close(self) -> None:
        """End it where it still runs, and remove what it has left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, name: str) -> str:
        """Return a file of its folder."""
        return (self.folder / name).read_text()

    @property
    def report(self) -> dict[str, Any]:
        """Return its figures."""
        found: dict[str, Any] = json.loads(self.read("report.json"))
        return found

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Return its orders with their fills, by id."""
        found: list[dict[str, Any]] = json.loads(self.read("orders.json"))
        return found

    @property
    def places(self) -> list[Place]:
        """Return the places that it has passed."""
        rows = (line.split(" ", 4) for line in self.read("trace.txt").splitlines())
        return [Place(f"{job} {at}", int(number), sure == "doubt", name) for job, at, number, sure, name in rows]


@pytest.fixture(scope="module")
def lean(recordings: Path) -> Path:
    """Return the folder of recordings, or skip."""
    return recordings / "lean" / "Data"


@pytest.fixture(scope="module")
def papers() -> Iterator[list[Paper]]:
    """Hold every run of the module, and end them all."""
    found: list[Paper] = []
    yield found
    for paper in found:
        paper.close()


@pytest.fixture(scope="module")
def twins(lean: Path, papers: list[Paper]) -> tuple[Paper, Paper]:
    """Return two runs that nobody has disturbed."""
    papers += [Paper(lean, AUTUMN_2016), Paper(lean, AUTUMN_2016)]
    return papers[0].ended(), papers[1].ended()


@pytest.fixture(scope="module")
def others(twins: tuple[Paper, Paper], lean: Path, papers: list[Paper]) -> dict[str, Paper]:
    """Return a run with fifty deaths, one that dies while orders are on their way, and one over the other span."""
    places = twins[0].places
    started = {
        "killed": Paper(lean, AUTUMN_2016, fifty_deaths(places)),
        "doubted": Paper(lean, PURCHASES, deaths_in_doubt(places)),
        "recorded": Paper(lean, AUTUMN_2013),
    }
    papers += started.values()
    return started


def fifty_deaths(places: Sequence[Place]) -> list[Death]:
    """Choose where to die: around orders, in other bodies, in the scheduler, and at any time at all.

    More than fifty, since a second attempt finds done what the first has done, and passes fewer places.
    """
    chance = random.Random(SEED)
    sure = [one for one in places if not one.in_doubt]
    ordering = {one.inside for one in places if one.in_doubt}
    near = _some(chance, [one for one in sure if one.inside in ordering], 26, most=3)
    bodies = [one for one in sure if one.inside not in ordering and not one.inside.startswith(SCHEDULER)]
    turns = [one for one in sure if one.inside.startswith(SCHEDULER) and one.name.startswith("at ")]
    chosen = [*near, *_some(chance, bodies, 20), *_some(chance, turns, 6)]
    # Not where an order may be on its way just then: that has a test of its own.
    busy = {inside.split()[1] for inside in ordering}
    idle = sorted({one.inside.split()[1] for one in turns} - busy)
    anywhen = [Death(f"anywhere {at}", milliseconds=chance.randrange(25)) for at in chance.sample(idle, 10)]
    return [*(Death(one.inside, one.number) for one in chosen), *anywhen]


def deaths_in_doubt(places: Sequence[Place]) -> list[Death]:
    """Choose places on the way of a purchase to the broker, in the first sessions."""
    chance = random.Random(SEED)
    early = [one for one in places if one.inside.split()[1] < DOUBTED_UNTIL and one.inside.startswith("entry_signals")]
    chosen = _some(chance, [one for one in early if one.in_doubt], 7, most=3)
    return [Death(one.inside, one.number, in_doubt=True) for one in chosen]


def _some(chance: random.Random, places: Sequence[Place], count: int, most: int = 1) -> list[Place]:
    """Choose places, `most` of one run at the most: a run that dies five times is given up."""
    chosen: list[Place] = []
    for one in chance.sample(places, len(places)):
        if sum(other.inside == one.inside for other in chosen) < most:
            chosen.append(one)
        if len(chosen) == count:
            return chosen
    raise AssertionError(f"there are only {len(chosen)} places to die at")


def bad_runs(report: dict[str, Any]) -> dict[str, int]:
    """Return the runs that failed or got lost. What waits for a reconciliation that says READY may be missed."""
    return {name: count for name, count in report["runs"].items() if name.endswith((" failed", " lost"))}


def test_three_weeks_are_really_traded(twins: tuple[Paper, Paper]) -> None:
    report = twins[0].report

    assert report["purchases"] >= 10
    assert report["sales"] >= 5
    assert report["overnight_exits"] >= 5
    assert report["fills"] >= report["orders"]
    assert report["trades"] + report["open"] == report["purchases"]
    assert (report["disagreements"], bad_runs(report)) == ([], {})


def test_the_journal_is_the_same_each_time_byte_for_byte(twins: tuple[Paper, Paper]) -> None:
    one, other = twins

    assert len(one.read("journal.jsonl").splitlines()) > 150
    for name in ("journal.jsonl", "orders.json", "logs/us/paper/trades.jsonl"):
        assert one.read(name) == other.read(name), name


def test_the_file_of_trades_has_a_line_for_each_event_of_the_journal(twins: tuple[Paper, Paper]) -> None:
    lines = [json.loads(line) for line in twins[0].read("logs/us/paper/trades.jsonl").splitlines()]
    events = [json.loads(line) for line in twins[0].read("journal.jsonl").splitlines()]

    assert [(line["number"], line["event"]) for line in lines] == [(one["number"], one["kind"]) for one in events]


def test_fifty_deaths_leave_the_same_orders_none_twice_and_none_missing(
    twins: tuple[Paper, Paper], others: dict[str, Paper]
) -> None:
    killed = others["killed"].ended()

    assert len(killed.report["died"]) >= 50
    assert killed.orders == twins[0].orders
    assert (killed.report["disagreements"], bad_runs(killed.report)) == ([], {})


def test_an_order_that_was_on_its_way_at_a_death_is_placed_once_later(
    twins: tuple[Paper, Paper], others: dict[str, Paper]
) -> None:
    doubted = others["doubted"].ended()
    last = max(one["session"] for one in doubted.orders)
    wanted = [one for one in twins[0].orders if one["session"] <= last]

    assert len(doubted.report["died"]) >= 4
    assert [{name: one[name] for name in IDENTITY} for one in doubted.orders] == [
        {name: one[name] for name in IDENTITY} for one in wanted
    ]
    for one, other in zip(doubted.orders, wanted, strict=True):
        assert float(one["quantity"]) == pytest.approx(float(other["quantity"]), rel=0.01)
        assert sum(float(fill[0]) for fill in one["fills"]) == float(one["quantity"])
    assert (doubted.report["disagreements"], bad_runs(doubted.report)) == ([], {})


def test_recorded_minutes_are_traded_as_well(others: dict[str, Paper]) -> None:
    recorded = others["recorded"].ended()

    assert recorded.report["purchases"] >= 5
    assert recorded.report["overnight_exits"] >= 1
    assert (recorded.report["disagreements"], bad_runs(recorded.report)) == ([], {})
