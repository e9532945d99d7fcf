"""Which day the demo shows, and where."""

from datetime import UTC, datetime

import pytest

from thor.env import env
from thor.operations import demo


@pytest.mark.parametrize(
    ("at", "opened"),
    [
        (datetime(2024, 7, 9, 20, 0, tzinfo=UTC), datetime(2024, 7, 9, 13, 30, tzinfo=UTC)),
        (datetime(2024, 7, 9, 19, 59, 59, 999_999, tzinfo=UTC), datetime(2024, 7, 8, 13, 30, tzinfo=UTC)),
        # After Independence Day and the half day before it comes 2 July.
        (datetime(2024, 7, 5, 12, 0, tzinfo=UTC), datetime(2024, 7, 2, 13, 30, tzinfo=UTC)),
        # On the Sunday of the change to winter time the last day was one of summer time.
        (datetime(2024, 11, 3, 12, 0, tzinfo=UTC), datetime(2024, 11, 1, 13, 30, tzinfo=UTC)),
    ],
)
def test_it_shows_the_last_whole_day(configured: pytest.MonkeyPatch, at: datetime, opened: datetime) -> None:
    assert demo.last_whole_session(at).open == opened


def test_it_begins_before_the_bell_and_ends_after_the_close(configured: pytest.MonkeyPatch) -> None:
    start, until = demo.day()

    assert (until - start).total_seconds() == 8 * 3600


def test_another_day_can_be_chosen(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("THOR_REPLAY_START", "2024-07-03T09:00:00-04:00")
    env.cache_clear()

    start, until = demo.day()

    assert start == datetime(2024, 7, 3, 13, 0, tzinfo=UTC)
    assert until == datetime(2024, 7, 3, 18, 0, tzinfo=UTC)


def test_an_earlier_demo_is_cleared_but_for_its_secrets(configured: pytest.MonkeyPatch) -> None:
    (demo.folder() / "valkey").mkdir(parents=True)
    (demo.folder() / "logs" / "us" / "paper").mkdir(parents=True)
    (demo.folder() / "state").mkdir()
    files = ("thor.sqlite3", "thor.sqlite3-wal", "admin_password", "secret_key", "valkey/appendonly")
    for name in (*files, "logs/us/paper/scheduler.log"):
        (demo.folder() / name).write_text("x")

    demo.clear()

    assert sorted(path.name for path in demo.folder().iterdir()) == ["admin_password", "secret_key"]


def test_it_touches_nobody_elses_database_or_redis(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("DATABASE_URL", "postgres://mine")
    configured.setenv("REDIS_URL", "redis://mine")

    found = demo.surroundings(datetime(2024, 7, 3, 13, 0, tzinfo=UTC))

    assert found["DATABASE_URL"] == f"sqlite:///{demo.folder()}/thor.sqlite3"
    assert (found["REDIS_URL"], found["THOR_BROKER_URL"]) == ("embedded", "embedded")
