"""What is given to run_heartbeat: objects of the old protocol, arguments, a replay, hours."""

import signal
from pathlib import Path

import pytest

from tests.acceptance.heartbeats import (
    FOREIGN,
    JOBS,
    TICKS,
    heartbeat,
    notes,
    standing,
    succeeded,
)
from tests.acceptance.house import built

pytestmark = [pytest.mark.database, pytest.mark.slow]


def test_an_object_of_the_old_protocol_runs_under_every_driver(tmp_path: Path) -> None:
    with standing(tmp_path, FOREIGN, TICKS) as house:
        row = house.rows("SELECT task, enabled FROM django_celery_beat_periodictask WHERE name = 'old_job'")
        assert [(task, bool(enabled)) for task, enabled in row] == [("old_job", True)]

        heartbeat(house)
        house.wait_for(lambda: succeeded(house, "old_job") >= 3, "runs under the heartbeat")
        assert house.kill("heartbeat", signal.SIGTERM) == 0
        assert notes(tmp_path, "old")[:3] == ["1", "2", "3"]
        results = house.rows("SELECT DISTINCT result FROM jobs_run WHERE name = 'old_job' AND state = 'succeeded'")
        assert results == [('"as ever"',)]

        since = succeeded(house, "old_job")
        house.beat()
        house.worker()
        house.wait_for(lambda: succeeded(house, "old_job") >= since + 3, "runs under beat and worker")
        house.kill("beat", signal.SIGTERM)
        house.kill("worker", signal.SIGTERM)
        assert len(notes(tmp_path, "old")) == succeeded(house, "old_job")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("JobRegistry().register(object())", "is no job: it needs name, interval_seconds"),
        ("Old.name = 'intraday'\nJobRegistry().register(Old())", "two jobs are named 'intraday'"),
        ("Old.interval_seconds = 0.5\nJobRegistry().register(Old())", "write whole seconds from 1"),
    ],
)
def test_a_bad_object_is_refused_in_a_sentence(tmp_path: Path, source: str, sentence: str) -> None:
    foreign = FOREIGN.replace("JobRegistry().register(Old())", source)
    (tmp_path / "own_jobs.py").write_text(JOBS.format(here=str(tmp_path)) + foreign)
    with built(PYTHONPATH=str(tmp_path), THOR_IMPORTS="own_jobs") as house:
        done = house.manage("run_heartbeat")

    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--fast-tick", "0"), "'0' is no tick; write seconds between 0.1 and 3600"),
        (("--fast-tick", "nan"), "'nan' is no tick"),
        (("--slow-tick", "x"), "'x' is no tick"),
        (("--slow-tick=-5",), "'-5' is no tick"),
        (("--fast-tick", "5", "--slow-tick", "2"), "--slow-tick 2 is shorter than --fast-tick 5"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(options: tuple[str, ...], sentence: str) -> None:
    with built() as house:
        done = house.manage("run_heartbeat", *options)

    assert done.returncode != 0
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_database_without_tables_is_a_sentence() -> None:
    with built() as house:
        done = house.manage("run_heartbeat")

    assert done.returncode == 2
    assert "run python manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


REPLAY = {"THOR_CLOCK": "replay", "THOR_REPLAY_START": "2026-11-16T14:20:00+00:00"}


def test_another_replay_under_way_is_a_sentence(tmp_path: Path) -> None:
    with standing(tmp_path, TICKS, **REPLAY, THOR_REPLAY_SPEED="1") as house:
        house.variables["THOR_REPLAY_SPEED"] = "60"

        done = house.manage("run_heartbeat")

    assert done.returncode == 2
    assert "another replay, from 2026-11-16T14:20:00+00:00" in done.stderr
    assert "Traceback" not in done.stderr


OPENS = """
@job(cadence=Every(minutes=1), window=During("open"), markets=("usa",))
def opens(occurrence, **_):
    note(occurrence, "opens")
"""

ONLY_USA = "from thor.markets.models import Market\nMarket.objects.exclude(key='usa').update(active=False)"
FORGET = "from thor.connections import redis_client\nredis_client().delete('thor:replay')"


def test_a_slow_tick_ends_at_the_opening(tmp_path: Path) -> None:
    # New York opens at 14:30, and the next whole hour, at which an hour's tick would end, is 15:00.
    with standing(tmp_path, OPENS, **REPLAY, THOR_REPLAY_SPEED="1") as house:
        house.python(ONLY_USA)
        # A minute for the process to start in, however slow the machine.
        house.variables["THOR_REPLAY_SPEED"] = "10"
        house.python(FORGET)

        heartbeat(house, "--slow-tick", "3600")
        house.wait_for(lambda: len(notes(tmp_path, "opens")) >= 3, "the first minutes of the session")

        assert house.kill("heartbeat", signal.SIGTERM) == 0
    minutes = [f"2026-11-16T14:{minute}:00+00:00" for minute in (30, 31, 32)]
    assert notes(tmp_path, "opens")[:3] == minutes
