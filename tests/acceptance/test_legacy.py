"""Legacy mode with real processes: jobs run in threads, once; a change of mode loses nothing and repeats nothing."""

import signal
import socket
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.house import House
from tests.acceptance.legacy import Witnessed, witnessed

pytestmark = [pytest.mark.database, pytest.mark.slow]

SIGNED = f"stack@{socket.gethostname()}"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Witnessed]:
    """Return a house in legacy mode whose only job is witnessed."""
    with witnessed(tmp_path) as found:
        yield found


def test_it_refuses_another_mode_in_one_sentence(alone: Witnessed) -> None:
    alone.house.variables["THOR_SCHEDULER_MODE"] = "Heartbeat"

    done = alone.house.manage("run_supervisor")

    assert done.returncode == 2
    assert done.stderr.strip() == (
        "CommandError: run_supervisor is for legacy mode: set THOR_SCHEDULER_MODE=legacy, or use run_heartbeat."
    )


def test_every_starter_is_verified_without_a_lease_or_a_run(tmp_path: Path) -> None:
    with witnessed(tmp_path, jobs="all") as found:
        done = found.house.manage("verify_legacy_starters")

        assert done.returncode == 0, done.stdout
        *lines, verdict = done.stdout.splitlines()
        assert verdict == "All legacy starters properly guarded"
        assert len(lines) == 13
        assert all(": guarded (threads: +0 in heartbeat mode, " in line for line in lines)
        assert found.house.count("SELECT count(*) FROM jobs_run") == 0
        assert found.house.count("SELECT count(*) FROM leadership_leader WHERE term > 0") == 0


def test_a_starter_that_forgot_the_guard_is_found_out(tmp_path: Path) -> None:
    unguarded = "from thor.drivers import starters\nstarters.STARTERS['start_x'] = lambda crew: crew.start('x')\n"
    with witnessed(tmp_path) as found:
        (tmp_path / "forgetful.py").write_text(unguarded)
        done = found.house.python(
            "import io\nfrom django.core.management import call_command\nimport forgetful\nsaid = io.StringIO()\n"
            "try:\n    call_command('verify_legacy_starters', stdout=said)\n    answer = [0]\n"
            "except SystemExit as end:\n    answer = [end.code]\n"
            "answer.append(said.getvalue())"
        )

    assert done[0] == 1
    assert "start_x: NOT GUARDED (threads: +1 in heartbeat mode, +1 in legacy mode)" in done[1]
    assert "All legacy starters properly guarded" not in done[1]


def test_runs_are_signed_by_the_stack_and_begin_once(alone: Witnessed) -> None:
    alone.supervisor()

    alone.wait_for_runs("witnessed", more=5)

    assert alone.house.kill("supervisor", signal.SIGTERM) == 0
    assert set(alone.begun("witnessed").values()) == {1}
    assert alone.house.rows("SELECT DISTINCT hostname FROM jobs_run WHERE state = 'succeeded'") == [(SIGNED,)]


def test_sigterm_lets_the_body_in_hand_end_and_frees_the_lease(tmp_path: Path) -> None:
    with witnessed(tmp_path, jobs="slow") as found:
        found.supervisor()
        found.house.wait_for(lambda: found.begun("slow"), "a body")

        status = found.house.kill("supervisor", signal.SIGTERM)

        assert status == 0
        assert [line[1] for line in found.lines("slow")][-2:] == ["begins", "ends"]
        assert found.house.count("SELECT count(*) FROM jobs_run WHERE state IN ('started', 'lost')") == 0
        assert found.leader() == 0
        assert "Traceback" not in found.house.log("supervisor")


def test_a_second_one_stands_by_says_who_leads_and_takes_over(alone: Witnessed) -> None:
    first = alone.supervisor("first")
    alone.wait_for_runs("witnessed")
    second = alone.supervisor("second")
    alone.house.wait_for(lambda: "Supervisor stands by: " in alone.house.log("second"), "the standby's word")

    assert f":{first}:" in alone.house.log("second")
    assert not {name for name in alone.threads()[second] if name == "thor-witnessed"}

    alone.house.kill("first", signal.SIGKILL)
    alone.wait_for_runs("witnessed")
    assert alone.leader() == second
    assert set(alone.begun("witnessed").values()) == {1}


def test_a_body_that_raises_is_recorded_and_its_supervisor_waits_before_it_goes_on(tmp_path: Path) -> None:
    with witnessed(tmp_path, jobs="faulty,witnessed") as found:
        found.supervisor()
        found.wait_for_runs("faulty", more=3, state="failed")
        found.wait_for_runs("witnessed")

        begun = sorted(map(datetime.fromisoformat, found.begun("faulty")))
        gaps = [after - before for before, after in pairwise(begun)]
        # What fell due while it waited is late: a run or two may still be within their deadline.
        assert max(gaps) >= timedelta(seconds=3)
        assert found.house.count("SELECT count(*) FROM jobs_run WHERE name = 'faulty' AND reason LIKE '%RuntimeError%'")
        assert set(found.begun("faulty").values()) == {1}


def test_a_body_that_ends_its_thread_costs_its_run_and_not_its_supervisor(tmp_path: Path) -> None:
    with witnessed(tmp_path, jobs="quitting") as found:
        found.supervisor()

        found.wait_for_runs("quitting", more=2, state="lost")

        reasons = found.house.rows("SELECT DISTINCT reason FROM jobs_run WHERE state = 'lost'")
        assert reasons == [("the body ended the process: 3",)]


def test_a_body_that_hangs_is_given_up_and_another_thread_goes_on(tmp_path: Path) -> None:
    with witnessed(tmp_path, jobs="hanging") as found:
        found.supervisor()

        found.wait_for_runs("hanging", more=1, state="lost")
        found.wait_for_runs("hanging", more=2)

        lost = "SELECT reason, attempt FROM jobs_run WHERE state = 'lost'"
        assert found.house.rows(lost) == [("hung past its time limit; its thread was left to itself", 1)]
        assert set(found.begun("hanging").values()) == {1}
        assert found.house.kill("supervisor", signal.SIGTERM) == 0


OWN = """
from celery import shared_task


@shared_task
def greet():
    return "hello"
"""
MAKE_OWN = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.create(name="greeting", task="own_tasks.greet", interval=interval)
"""
#: Whether both leases are held, as one look sees them, and by whom.
HELD = """
from thor.leadership.selectors import leader_status, seats_in_use
answer = [[status.holder.split(":")[1], status.is_held] for status in map(leader_status, seats_in_use())]
"""


def test_beat_keeps_the_rows_of_others_and_its_own_lease(tmp_path: Path) -> None:
    (tmp_path / "own_tasks.py").write_text(OWN)
    with witnessed(tmp_path, THOR_IMPORTS="thor_witness,own_tasks") as found:
        house = found.house
        house.python(MAKE_OWN)
        beat, worker, stack = house.beat(), house.worker(), found.supervisor()
        found.wait_for_runs("greeting", more=5)
        found.wait_for_runs("witnessed", more=5)

        assert house.python(HELD) == [[str(stack), True], [str(beat.pid), True]]
        said = house.manage("leader").stdout
        assert f":{stack}:" in said.splitlines()[0]
        assert f":{beat.pid}:" in said.splitlines()[1]
        for name in ("beat", "supervisor", "worker"):
            house.kill(name, signal.SIGTERM)
        hosts = "SELECT DISTINCT hostname FROM jobs_run WHERE state = 'succeeded' AND name = "
        assert house.rows(f"{hosts}'witnessed'") == [(SIGNED,)]
        assert house.rows(f"{hosts}'greeting'") == [(f"worker@{socket.gethostname()}",)]
        assert {line[2] for line in found.lines("witnessed")} == {str(stack)}
        assert str(worker.pid) not in {line[2] for line in found.lines("witnessed")}
        assert house.log("beat").count("the entries of Thor's jobs are left to the stack") == 1


def test_where_modes_differ_it_is_said_and_nothing_begins_twice(alone: Witnessed) -> None:
    stack = alone.supervisor()
    alone.wait_for_runs("witnessed")

    alone.house.start("heartbeat", sys.executable, "manage.py", "run_heartbeat")
    alone.house.wait_for(lambda: "Leader lock acquired" in alone.house.log("heartbeat"), "a heartbeat that leads too")
    alone.wait_for_runs("witnessed", more=10)

    sentence = "decides the same entries in another mode; nothing runs twice"
    assert alone.house.log("heartbeat").count(sentence) == 1
    assert f":{stack}:" in next(line for line in alone.house.log("heartbeat").splitlines() if sentence in line)
    assert set(alone.begun("witnessed").values()) == {1}
    for name in ("heartbeat", "supervisor"):
        assert alone.house.kill(name, signal.SIGTERM) == 0
    assert alone.house.count("SELECT count(*) FROM jobs_run WHERE state IN ('started', 'lost', 'failed')") == 0


#: Independence Day's eve of 2024: New York opens at 13:30 UTC and closes at 17:00; its morning is replayed.
OPEN, CLOSE = datetime(2024, 7, 3, 13, 30, tzinfo=UTC), datetime(2024, 7, 3, 17, tzinfo=UTC)
NOW = "from thor.leadership.clock import process_clock\nanswer = process_clock().now().timestamp()"


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Witnessed]:
    """Return a house with all jobs in which a replay can begin."""
    with witnessed(tmp_path, jobs="market_data,housekeeping") as found:
        yield found


def begin(found: Witnessed, start: datetime, speed: int) -> None:
    """Begin a replay; lines are known from a day before on, as in an installation that has been running."""
    house = found.house
    clock = {"THOR_CLOCK": "replay", "THOR_REPLAY_START": start.isoformat(), "THOR_REPLAY_SPEED": str(speed)}
    since = (start - timedelta(days=1)).isoformat()
    house.python(f"from thor.jobs.models import Entry\nanswer = Entry.objects.update(since={since!r})")
    house.variables.update(clock)


def wait_until(house: House, at: datetime, seconds: float = 480) -> None:
    """Wait until the stack, or the heartbeat, has decided everything up to an instant."""
    query = f"SELECT count(*) FROM leadership_leader WHERE decided_until > '{at:%Y-%m-%d %H:%M:%S}'"
    house.wait_for(lambda: house.count(query), f"{at:%H:%M}", seconds)


def once_a_session(house: House, market: str) -> list[tuple[str, str, int]]:
    """Return the runs of a market that come once a session of the replayed day: name, state, number.

    Before the open a reign that is the first makes up for the close of the day before.
    """
    names = ", ".join(
        f"'{job} @ {market}'" for job in ("preopen_backtest", "market_open_capture", "market_close_capture")
    )
    day = "nominal_at >= '2024-07-03 13:29:00' AND nominal_at < '2024-07-03 18:00:00'"
    query = f"SELECT name, state, count(*) FROM jobs_run WHERE name IN ({names}) AND {day} GROUP BY name, state"
    return sorted((str(name), str(state), int(number)) for name, state, number in house.rows(query))


def expected(market: str) -> list[tuple[str, str, int]]:
    jobs = ("market_close_capture", "market_open_capture", "preopen_backtest")
    return [(f"{job} @ {market}", "succeeded", 1) for job in jobs]


@pytest.mark.alone
def test_half_an_hour_around_a_close_runs_in_threads_and_nothing_is_left(replay: Witnessed) -> None:
    begin(replay, CLOSE - timedelta(minutes=15), speed=20)
    replay.supervisor()
    replay.house.start("feed", sys.executable, "manage.py", "run_feed")

    wait_until(replay.house, CLOSE + timedelta(minutes=15))

    house = replay.house
    time.sleep(2)
    assert house.kill("supervisor", signal.SIGTERM) == 0
    assert house.rows("SELECT DISTINCT hostname FROM jobs_run WHERE state = 'succeeded'") == [(SIGNED,)]
    assert house.count("SELECT count(*) FROM jobs_run WHERE state IN ('started', 'lost', 'failed')") == 0
    doubled = "SELECT entry, nominal_at FROM jobs_run WHERE origin = '' GROUP BY entry, nominal_at HAVING count(*) > 1"
    assert house.rows(doubled) == []
    for job in ("market_open_grading", "market_close_capture"):  # each is owed at the end of the session
        at_close = f"name = '{job} @ usa' AND nominal_at = '{CLOSE:%Y-%m-%d %H:%M:%S}'"
        assert house.rows(f"SELECT state FROM jobs_run WHERE {at_close}") == [("succeeded",)], job
    names = next(iter(names for names in replay.threads().values() if "thor-stack" in names))
    assert {"thor-excel_poll", "thor-vwap_minute", "thor-intraday-crypto", "thor-intraday-us_equities"} <= names
    assert house.count("SELECT count(*) FROM jobs_run WHERE name = 'intraday @ globex' AND state = 'succeeded'") > 10


def test_a_change_of_mode_and_back_loses_no_run_of_a_session_and_repeats_none(replay: Witnessed) -> None:
    begin(replay, OPEN - timedelta(minutes=75), speed=120)  # a slow machine needs half a minute to begin
    house = replay.house
    heartbeat = (sys.executable, "manage.py", "run_heartbeat")

    house.start("before", *heartbeat)
    wait_until(house, OPEN + timedelta(minutes=30))
    assert house.kill("before", signal.SIGTERM) == 0
    replay.supervisor()
    wait_until(house, CLOSE - timedelta(minutes=90))  # a slow machine needs half a minute for the next one
    signed = f"SELECT count(*) FROM jobs_run WHERE hostname = '{SIGNED}' AND state = 'succeeded'"
    house.wait_for(lambda: house.count(signed) > 0, "a run in a thread")
    assert house.kill("supervisor", signal.SIGTERM) == 0
    house.start("after", *heartbeat)
    wait_until(house, CLOSE + timedelta(minutes=10))
    live = f"nominal_at <= '{CLOSE:%Y-%m-%d %H:%M:%S}' AND state IN ('due', 'started')"
    house.wait_for(lambda: house.count(f"SELECT count(*) FROM jobs_run WHERE {live}") == 0, "the runs of the session")
    assert house.kill("after", signal.SIGTERM) == 0

    assert "preopen_backtest @ usa" in dict(house.rows("SELECT name, state FROM jobs_run")), "it began too late"
    assert once_a_session(house, "usa") == expected("usa")
    doubled = "SELECT entry, nominal_at FROM jobs_run WHERE origin = '' GROUP BY entry, nominal_at HAVING count(*) > 1"
    assert house.rows(doubled) == []
    hosts = {host for (host,) in house.rows("SELECT DISTINCT hostname FROM jobs_run WHERE state = 'succeeded'")}
    assert hosts == {SIGNED, f"heartbeat@{socket.gethostname()}"}
    assert house.count("SELECT count(*) FROM jobs_run WHERE state IN ('started', 'lost', 'failed')") == 0
