"""`manage.py simulate`: a stretch of a day as a user runs it, in a process of its own."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.house import ROOT, House

#: Around the open of New York, in winter. It ends with an instant at which every job is due and both have a step:
#: figures of a session so far are those of the last run.
STRETCH = ("--date", "2026-11-20", "--from", "14:25", "--until", "14:40:01")
#: What is stored by data time, with what tells one row from another; columns of the wall are left out.
FIGURES = {
    "bars": "SELECT i.symbol, b.start_at, b.open, b.high, b.low, b.close, b.volume, b.trades, b.source "
    "FROM marketdata_bar b JOIN marketdata_instrument i ON i.id = b.instrument_id",
    "samples": "SELECT i.symbol, s.minute_at, s.last_price, s.cumulative_volume "
    "FROM marketdata_vwapsample s JOIN marketdata_instrument i ON i.id = s.instrument_id",
    "captures": "SELECT s.market, s.session_date, c.symbol, c.signal, c.last_price, c.entry, c.target_high, "
    "c.target_low, c.outcome, c.touched, c.touched_at, c.touched_price, c.session_volume, c.session_high "
    "FROM marketdata_capture c JOIN marketdata_sessioncapture s ON s.id = c.session_id",
    "days": "SELECT i.symbol, d.session_date, d.open, d.high, d.low, d.last, d.volume "
    "FROM marketdata_twentyfourhour d JOIN marketdata_instrument i ON i.id = d.instrument_id",
    "extremes": "SELECT i.symbol, e.as_of, e.high_52w, e.low_52w "
    "FROM marketdata_extreme e JOIN marketdata_instrument i ON i.id = e.instrument_id",
}
LEDGER = "SELECT uid, name, nominal_at, folded_from, last_at, count, state, result FROM jobs_run ORDER BY uid"


@dataclass
class Simulated:
    """What a simulation printed, and the database that it kept."""

    said: dict[str, Any]
    database: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.database) as connection:
            return sorted(connection.execute(query).fetchall(), key=repr)


@pytest.fixture
def place(tmp_path: Path) -> House:
    """Give an installation whose database and Redis do not answer: whoever touches them fails."""
    var, temporary = tmp_path / "var", tmp_path / "tmp"
    var.mkdir()
    temporary.mkdir()
    nowhere = {"REDIS_URL": "redis://127.0.0.1:9/0", "TMPDIR": str(temporary), "THOR_DEBUG": "0"}
    return House(var, "postgres://nobody@127.0.0.1:9/none", **nowhere)


def simulate(place: House, *arguments: str) -> Simulated:
    """Run a simulation to its end and keep what it leaves."""
    before = set(folders(place))
    done = place.manage("simulate", *STRETCH, *arguments, "--json", "--keep", timeout=600)
    assert done.returncode == 0, done.stderr
    (folder,) = set(folders(place)) - before
    assert f"The folder is kept: {folder}" in done.stderr
    return Simulated(json.loads(done.stdout), folder / "thor.sqlite3")


def folders(place: House) -> list[Path]:
    return list(Path(place.variables["TMPDIR"]).glob("thor-simulation-*"))


@pytest.mark.timeout(1500)
def test_a_longer_step_changes_no_figure_and_the_same_step_not_even_the_ledger(place: House) -> None:
    fine, coarse, again = (simulate(place, "--tick", tick) for tick in ("10", "300", "300"))

    assert fine.said["runs"] > 3 * coarse.said["runs"]
    for found in (fine, coarse):
        assert found.said["occurrences"] == found.said["planned"] > 5000
        assert {state for one in found.said["entries"] for state in one["states"]} == {"succeeded"}
    for what, query in FIGURES.items():
        assert coarse.rows(query), what
        assert fine.rows(query) == coarse.rows(query), what
    assert again.rows(LEDGER) == coarse.rows(LEDGER)
    assert all(again.rows(query) == coarse.rows(query) for query in FIGURES.values())


@pytest.mark.timeout(1500)
def test_another_seed_is_another_market(place: House) -> None:
    first, second = (simulate(place, "--seed", seed, "--market", "globex") for seed in ("1", "2"))

    assert {row[0] for row in first.rows("SELECT DISTINCT market FROM jobs_run")} == {"", "globex"}
    assert first.rows(FIGURES["bars"]) != second.rows(FIGURES["bars"])
    assert first.said["occurrences"] == second.said["occurrences"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_end_that_was_asked_for_leaves_nothing_behind(place: House, number: int, status: int) -> None:
    command = [sys.executable, "manage.py", "simulate", "--date", "2026-11-20", "--tick", "10"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=place.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for(lambda: any("valkey" in name for name in _names(process.pid)))
        time.sleep(6)
        server = _children(process.pid)

        process.send_signal(number)
        said, _ = process.communicate(timeout=240)
    finally:
        if process.poll() is None:
            process.kill()

    assert process.returncode == status
    assert folders(place) == []
    assert not any(one.is_running() for one in server)
    assert "the day is not complete" in said or not said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--date", "2026-13-01"), "'2026-13-01' is no date"),
        (("--date", "1989-12-31"), "a date that no calendar covers"),
        (("--date", "2026-11-20", "--market", "atlantis"), "'atlantis' is no market of the box"),
        (("--date", "2026-11-20", "--tick", "0"), "'0' is no tick"),
        (("--date", "2026-11-20", "--speed", "fast"), "'fast' is no speed"),
        (("--date", "2026-11-20", "--seed", "-1"), "'-1' is no seed"),
        (("--date", "2026-11-20", "--from", "25:00"), "'25:00' is no time of the day"),
        (("--date", "2026-11-20", "--from", "15:00", "--until", "14:00"), "write the earlier time first"),
        (("--date", "2026-11-20", "--files", "nowhere.zip"), "the replay file nowhere.zip does not exist"),
        (("--date", "2026-11-20", "--inside", "/tmp"), "--inside is for manage.py simulate itself"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(place: House, arguments: tuple[str, ...], sentence: str) -> None:
    done = place.manage("simulate", *arguments)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert folders(place) == []


def _children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def _names(pid: int) -> Iterator[str]:
    for one in _children(pid):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            yield one.name()


def _wait_for(condition: Any, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
