"""Calendars that end soon: which, how often it is said, and how a process that runs for weeks takes over new ones."""

import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from thor.markets import horizon, registry, sessions, store
from thor.markets.build import file_name, replace_file
from thor.markets.horizon import horizons, short_horizons
from thor.markets.models import Market, Override
from thor.markets.sessions import sessions_of, sessions_of_calendar

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch):
    monkeypatch.setattr(horizon, "_alarmed", {})


def last_of(key: str) -> datetime:
    return datetime.combine(sessions_of(key).known_until, datetime.min.time(), UTC) + timedelta(hours=3)


def test_a_calendar_that_ends_within_thirty_days_is_short_and_one_that_does_not_is_not():
    end = last_of("china")

    assert "china" not in [one.key for one in short_horizons(end - 31 * DAY)]
    found = {one.key: one.days for one in short_horizons(end - 30 * DAY)}
    assert found["china"] == 30
    assert "usa" not in found
    assert {one.key: one.days for one in short_horizons(end + 5 * DAY)}["china"] == -5


def test_crypto_has_no_horizon_and_inactive_markets_are_left_out():
    Market.objects.filter(key="mexico").update(active=False)
    registry.forget()

    found = [one.key for one in horizons(last_of("china"))]

    assert len(found) == 10
    assert not {"crypto", "mexico"} & set(found)


def test_the_alarm_is_raised_once_a_day_a_market(caplog):
    noon = last_of("china") - 10 * DAY

    for hours in (0, 1, 2, 24):
        short_horizons(noon + timedelta(hours=hours))

    alarms = [one for one in caplog.records if one.message.startswith("thor.market.horizon: china:")]
    assert [(one.levelname, one.days) for one in alarms] == [("WARNING", 10), ("WARNING", 9)]


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """Give a folder with the files of the box, and a process that has looked at none and looks at each question."""
    sessions_of_calendar("24/7")
    place = tmp_path / store.folder().name
    shutil.copytree(store.folder(), place)
    for name, value in (("_by_calendar", {}), ("_by_market", {}), ("_rebuild_at", float("-inf")), ("LOOK_AGAIN", 0.0)):
        monkeypatch.setattr(sessions, name, value)
    monkeypatch.setattr(store, "folder", lambda: place)
    monkeypatch.setattr(registry, "FRESH", 0.0)
    return place


def test_a_process_that_runs_for_weeks_takes_over_what_the_daily_build_brings(own_files):
    Override.objects.create(
        market=Market.objects.get(key="china"), date=date(2026, 11, 20), closed=True, reason="storm"
    )
    path = own_files / file_name("XSHG")
    columns, _ = store.load("XSHG")
    # The library of weeks ago knew less: its file ends a month before, and is old.
    replace_file(path, replace(columns, known_until=columns.known_until - 31).dump())
    weeks_ago = path.stat().st_mtime - 20 * 86_400
    os.utime(path, (weeks_ago, weeks_ago))

    first = sessions_of("china")
    assert first.known_until == date.fromordinal(columns.known_until - 31)

    deadline = time.monotonic() + 60
    while sessions_of("china").known_until == first.known_until and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sessions_of("china").known_until == date.fromordinal(columns.known_until)
    assert sessions_of("china").on(date(2026, 11, 20)) is None
    assert not store.is_old(store.stamp("XSHG"))
    assert sessions_of("china") is sessions_of("china")


def test_a_new_file_that_cannot_be_read_leaves_the_old_table(own_files, monkeypatch, caplog):
    before = sessions_of("usa")

    def refuse(calendar, others=()):
        raise store.CalendarUnavailable("the disk is full")

    monkeypatch.setattr(store, "load", refuse)
    path = own_files / file_name("XNYS")
    path.write_bytes(b"half a file")
    os.utime(path, (path.stat().st_mtime + 5,) * 2)

    assert sessions_of("usa") is before
    sessions._behind.join(60)
    assert "thor.sessions.stale: the disk is full" in caplog.text
