"""`manage.py run_heartbeat` as a process: what it prints, how it ends, who leads beside it."""

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.heartbeats import (
    HELD,
    OTHERS,
    SLEEPS,
    TICKS,
    after_it_beat_leads_at_once,
    ended,
    heartbeat,
    leads,
    notes,
    seconds_without_a_row,
    standing,
    succeeded,
    term,
)
from tests.acceptance.house import House

pytestmark = [pytest.mark.database, pytest.mark.slow]

#: A lease that outlasts a machine which stands still: nobody takes it over by accident.
LASTING = {"THOR_LEASE_TTL": "30"}


def test_it_prints_what_the_original_printed_and_ends_at_ctrl_c(house: House) -> None:
    house.variables["THOR_LOG_LEVEL"] = "debug"
    house.python(OTHERS)

    heartbeat(house, "--fast-tick", "0.2")
    house.wait_for(lambda: "Heartbeat alive" in house.log("heartbeat"), "thirty ticks")
    os.killpg(house.processes["heartbeat"].pid, signal.SIGINT)

    assert ended(house) == 0
    said = house.log("heartbeat")
    lines = (
        "Starting the heartbeat scheduler",
        "Fast tick: 0.2s, slow tick: 60s",
        "Leader lock: enabled",
        "Leader lock acquired",
        "Heartbeat ready with 20 jobs",
        "Registered 20 jobs",
        "2 other entries need beat: celery -A thor beat, with workers, runs them",
        "Heartbeat started with tick=0.2s; jobs_due=['",
        "Heartbeat alive: 3",
        "Heartbeat stopped",
    )
    places = [said.index(line) for line in lines]
    assert places == sorted(places)
    assert re.search(r"DEBUG +thor\.drivers\.heartbeat Heartbeat tick \d+ jobs_due=\['", said)
    assert "Traceback" not in said
    assert house.count("SELECT count(*) FROM jobs_run WHERE name IN ('one', 'two')") == 0


def test_sigterm_lets_the_body_in_hand_end_and_frees_the_lease(tmp_path: Path) -> None:
    with standing(tmp_path, SLEEPS, TICKS) as house:
        heartbeat(house)
        house.wait_for(lambda: len(notes(tmp_path, "begins")) > len(notes(tmp_path, "ends")), "a body to begin")

        process = house.processes["heartbeat"]
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)

        assert ended(house) == 0
        assert notes(tmp_path, "begins") == notes(tmp_path, "ends")
        assert succeeded(house, "sleeps") == len(notes(tmp_path, "ends"))
        assert house.count("SELECT count(*) FROM jobs_run WHERE state IN ('started', 'failed', 'lost')") == 0
        after_it_beat_leads_at_once(house)


def test_a_beat_leads_while_the_body_of_a_stopped_heartbeat_goes_on(tmp_path: Path) -> None:
    with standing(tmp_path, HELD) as house:
        heartbeat(house)
        house.wait_for(lambda: notes(tmp_path, "begins"), "a body to begin")
        before = term(house)
        house.beat()

        house.processes["heartbeat"].send_signal(signal.SIGTERM)
        house.wait_for(lambda: term(house) > before, "the beat to lead")
        assert house.processes["heartbeat"].poll() is None
        assert notes(tmp_path, "ends") == []

        (tmp_path / "go").touch()
        assert ended(house) == 0
        assert (succeeded(house, "held"), len(notes(tmp_path, "ends"))) == (1, 1)


@pytest.mark.parametrize("moment", ["Starting the heartbeat", "Leader lock: enabled"])
def test_it_can_be_stopped_while_it_starts(house: House, moment: str) -> None:
    heartbeat(house)
    house.wait_for(lambda: moment in house.log("heartbeat"), "the start")

    assert house.kill("heartbeat", signal.SIGTERM) == 0
    assert "Traceback" not in house.log("heartbeat")
    assert house.count("SELECT count(*) FROM jobs_run WHERE state = 'started'") == 0


def test_where_a_beat_leads_it_gives_up_and_says_who_it_is(tmp_path: Path) -> None:
    with standing(tmp_path, TICKS, **LASTING) as house:
        house.beat()
        house.wait_for(lambda: term(house) == 1, "the beat to lead")
        holder = house.rows("SELECT holder FROM leadership_leader WHERE id = 1")[0][0]

        began = time.monotonic()
        done = house.manage("run_heartbeat")

        assert done.returncode == 1
        assert time.monotonic() - began > 9
        assert f"run_heartbeat: {holder} holds the leader lock" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert term(house) == 1
        assert notes(tmp_path, "ticks") == []


def test_waiting_for_the_lease_ends_at_sigterm(tmp_path: Path) -> None:
    with standing(tmp_path, TICKS, **LASTING) as house:
        house.beat()
        house.wait_for(lambda: term(house) == 1, "the beat to lead")
        heartbeat(house)
        house.wait_for_contenders(2)

        assert house.kill("heartbeat", signal.SIGTERM) == 0
        assert "acquired" not in house.log("heartbeat")


def test_without_the_lock_it_leads_until_another_takes_over(tmp_path: Path) -> None:
    with standing(tmp_path, TICKS) as house:
        heartbeat(house, "--no-lock")
        house.wait_for(lambda: succeeded(house, "ticks") >= 3, "some runs")
        assert "Leader lock: disabled" in house.log("heartbeat")
        assert "Leading without the leader lock" in house.log("heartbeat")

        house.beat()
        house.worker()

        assert ended(house) == 1
        assert "without the leader lock only one may run" in house.log("heartbeat")
        since = succeeded(house, "ticks")
        house.wait_for(lambda: succeeded(house, "ticks") >= since + 3, "runs under the beat")
        assert max(Counter(notes(tmp_path, "ticks")).values()) == 1


def test_beside_beat_nothing_runs_twice_and_nothing_is_forgotten(tmp_path: Path) -> None:
    with standing(tmp_path, TICKS) as house:
        heartbeat(house)
        house.wait_for(lambda: succeeded(house, "ticks") >= 3, "runs of the heartbeat")
        house.beat()
        house.worker()
        house.wait_for_contenders(2)

        house.kill("heartbeat")
        since = house.count("SELECT max(seq) FROM jobs_run")
        more = f"SELECT count(*) FROM jobs_run WHERE seq > {since} AND state = 'succeeded'"
        house.wait_for(lambda: house.count(more) >= 3, "runs under the beat")
        heartbeat(house, name="again")
        house.wait_for_contenders(2)
        house.kill("beat", signal.SIGTERM)
        leads(house, "again")
        since = house.count("SELECT max(seq) FROM jobs_run")
        house.wait_for(lambda: house.count(more) >= 3, "runs of the heartbeat again")

        assert max(Counter(notes(tmp_path, "ticks")).values()) == 1
        assert seconds_without_a_row(house, "ticks") == 0
