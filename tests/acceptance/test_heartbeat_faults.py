"""What run_heartbeat bears: kills, bodies that hang or end badly, long writes, a Redis that restarts."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.chaos.servers import Forgetful
from tests.acceptance.heartbeats import (
    BAD,
    DEAF,
    STUCK,
    TICKS,
    WRITES,
    after_it_beat_leads_at_once,
    ended,
    heartbeat,
    notes,
    seconds_without_a_row,
    standing,
    states,
    succeeded,
)

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.mark.parametrize(("repeatable", "end"), [(False, ("lost", 1)), (True, ("succeeded", 2))])
def test_killed_in_the_middle_of_a_body_the_run_is_lost_or_repeated(
    tmp_path: Path, repeatable: bool, end: tuple[str, int]
) -> None:
    with standing(tmp_path, STUCK.format(repeatable=repeatable), TICKS) as house:
        heartbeat(house)
        first = house.wait_for(lambda: notes(tmp_path, "begins"), "the body to begin")[0]
        uid = house.rows("SELECT uid FROM jobs_run WHERE name = 'stuck' AND state = 'started'")[0][0]

        house.kill("heartbeat")
        heartbeat(house, name="again")

        query = f"SELECT state, attempt FROM jobs_run WHERE uid = '{uid}' AND finished_at IS NOT NULL"
        assert house.wait_for(lambda: house.rows(query), "its end")[0] == end
        house.wait_for(lambda: succeeded(house, "stuck") >= 2, "the runs after it")
        begun = Counter(notes(tmp_path, "begins"))
        assert begun.pop(first) == end[1]
        assert set(begun.values()) == {1}
        assert max(Counter(notes(tmp_path, "ends")).values()) == 1
        assert max(Counter(notes(tmp_path, "ticks")).values()) == 1
        assert seconds_without_a_row(house, "ticks") == 0


@pytest.mark.parametrize("is_stopped", [False, True], ids=["by itself", "stopped meanwhile"])
def test_a_body_that_ignores_its_limit_ends_the_process(tmp_path: Path, is_stopped: bool) -> None:
    with standing(tmp_path, DEAF) as house:
        heartbeat(house)
        house.wait_for(lambda: notes(tmp_path, "begins"), "the body to begin")
        if is_stopped:
            house.processes["heartbeat"].send_signal(signal.SIGTERM)

        assert ended(house) == 1

        assert "deaf hung past its time limit" in house.log("heartbeat")
        assert len(notes(tmp_path, "ignores")) == 1
        assert house.rows("SELECT state FROM jobs_run WHERE attempt > 0") == [("lost",)]
        after_it_beat_leads_at_once(house)


def test_bodies_that_end_badly_stop_no_other(tmp_path: Path) -> None:
    with standing(tmp_path, BAD, TICKS) as house:
        heartbeat(house)
        house.wait_for(lambda: states(house, "breaks")["failed"] >= 2, "two failures")
        house.wait_for(lambda: states(house, "leaves")["lost"] >= 2, "two that end the process")
        house.wait_for(lambda: states(house, "dawdles")["failed"] >= 2, "two that take too long")
        house.wait_for(lambda: succeeded(house, "ticks") >= 5, "the others")

        assert house.kill("heartbeat", signal.SIGTERM) == 0
        reasons = dict(
            house.rows("SELECT name, max(reason) FROM jobs_run WHERE state IN ('failed', 'lost') GROUP BY 1")
        )
        assert reasons["breaks"] == "ValueError: no use"
        assert "ended the process: 3" in reasons["leaves"]
        assert "time limit" in reasons["dawdles"]


def test_a_body_that_writes_for_long_delays_and_breaks_nothing(tmp_path: Path) -> None:
    with standing(tmp_path, WRITES, TICKS) as house:
        heartbeat(house)
        house.wait_for(lambda: len(notes(tmp_path, "wrote")) >= 3, "three long writes")
        house.wait_for(lambda: succeeded(house, "ticks") >= 3, "the others")

        assert house.kill("heartbeat", signal.SIGTERM) == 0
        assert "failed" not in states(house, "writes") + states(house, "ticks")
        assert "lost" not in states(house, "writes") + states(house, "ticks")
        assert max(Counter(notes(tmp_path, "wrote") + notes(tmp_path, "ticks")).values()) <= 2  # one of each
        assert max(Counter(notes(tmp_path, "ticks")).values()) == 1
        assert seconds_without_a_row(house, "ticks") == 0


def test_a_redis_that_restarts_under_it_stops_nothing_for_long(tmp_path: Path) -> None:
    server = Forgetful(tmp_path)
    try:
        with standing(tmp_path, TICKS, REDIS_URL=f"redis://127.0.0.1:{server.port}/0") as house:
            heartbeat(house)
            house.wait_for(lambda: succeeded(house, "ticks") >= 3, "some runs")

            server.kill()
            house.wait_for(lambda: "Redis does not answer" in house.log("heartbeat"), "it to notice")
            server.start()

            since = house.count("SELECT max(seq) FROM jobs_run")
            more = f"SELECT count(*) FROM jobs_run WHERE seq > {since} AND state = 'succeeded'"
            house.wait_for(lambda: house.count(more) >= 3, "runs after it is back")
            assert house.kill("heartbeat", signal.SIGTERM) == 0
            assert max(Counter(notes(tmp_path, "ticks")).values()) == 1
            assert seconds_without_a_row(house, "ticks") == 0
    finally:
        server.kill()


def test_an_embedded_server_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with standing(tmp_path, TICKS) as house:
        heartbeat(house)
        house.wait_for(lambda: succeeded(house, "ticks") >= 3, "some runs")
        pid = house.python(
            "from thor.connections import redis_client\nanswer = redis_client().info('server')['process_id']"
        )

        os.kill(int(pid), signal.SIGKILL)
        house.wait_for(lambda: "Redis does not answer" in house.log("heartbeat"), "it to notice")

        since = house.count("SELECT max(seq) FROM jobs_run")
        more = f"SELECT count(*) FROM jobs_run WHERE seq > {since} AND state = 'succeeded'"
        house.wait_for(lambda: house.count(more) >= 3, "runs after it is back")
        assert house.kill("heartbeat", signal.SIGTERM) == 0
        assert max(Counter(notes(tmp_path, "ticks")).values()) == 1
