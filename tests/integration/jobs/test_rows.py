"""Rows of every kind, as people and programs make them: what they say of themselves, and when a leader fires them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)

from tests.integration.drivers.conftest import World
from thor.jobs import lines
from thor.jobs.models import Run, State
from thor.jobs.selectors import EntryStatus, entry_board
from thor.timing import ManualClock

NOW = datetime(2028, 2, 28, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

Make = Callable[..., PeriodicTask]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def make(transactional_db: None) -> Make:
    """Return a maker of rows: `make(crontab={…})`."""
    kinds = {"interval": IntervalSchedule, "crontab": CrontabSchedule}
    kinds |= {"solar": SolarSchedule, "clocked": ClockedSchedule}

    def made(name: str = "own", **values: Any) -> PeriodicTask:
        for kind, model in kinds.items():
            if kind in values:
                values[kind] = model.objects.create(**values[kind])
        return PeriodicTask.objects.create(name=name, task="own.task", **values)

    return made


@pytest.fixture
def world(transactional_db: None) -> World:
    """Return a world whose clock stands at noon before a leap day."""
    return World(ManualClock(NOW))


def fired(world: World, until: datetime, *, step: timedelta = 10 * timedelta(minutes=1)) -> list[datetime]:
    """Let a leader work until then, in steps that no default deadline is shorter than; return what it published."""
    if world.lead is None:
        world.new_leader()
    while world.clock.now() < until:
        world.after(step.total_seconds())
    return sorted({message.occurrence.nominal_at for message in world.broker.sent})


def status(name: str = "own", when: datetime = NOW) -> EntryStatus:
    return next(one for one in entry_board(when) if one.name == name)


DAILY = {"every": 1, "period": "days"}
HOURLY = {"every": 1, "period": "hours"}


def test_a_crontab_fires_in_the_zone_of_its_row_on_the_leap_day(world: World, make: Make) -> None:
    make(crontab={"minute": "30", "hour": "9", "day_of_month": "29", "timezone": "Asia/Kathmandu"})

    assert fired(world, NOW + 36 * HOUR) == [at("2028-02-29 03:45")]


def test_crontab_rows_of_two_zones_keep_their_own_time_over_a_change_of_the_clocks(make: Make, world: World) -> None:
    world.clock.advance(at("2028-03-26 00:00") - NOW)
    make("berlin", crontab={"minute": "30", "hour": "2", "timezone": "Europe/Berlin"})
    make("tokyo", crontab={"minute": "30", "hour": "11", "timezone": "Asia/Tokyo"})

    found = fired(world, at("2028-03-27 06:00"))

    assert found == [
        at("2028-03-26 01:00"),  # Berlin leaves out 02:30: the first instant after the gap
        at("2028-03-26 02:30"),
        at("2028-03-27 00:30"),
        at("2028-03-27 02:30"),
    ]


def test_an_interval_begins_at_its_start_time_and_ends_before_its_expiry(make: Make, world: World) -> None:
    start = NOW + timedelta(minutes=25)
    make(interval=HOURLY, start_time=start, expires=start + 2 * HOUR)

    assert fired(world, NOW + 5 * HOUR) == [start, start + HOUR]
    assert PeriodicTask.objects.get().enabled


def test_a_crontab_waits_for_its_start_time(make: Make, world: World) -> None:
    make(crontab={"minute": "0"}, start_time=NOW + 2 * HOUR)

    assert fired(world, NOW + 3 * HOUR) == [NOW + 2 * HOUR, NOW + 3 * HOUR]


def test_a_one_off_row_fires_once_and_again_when_a_person_enables_it(make: Make, world: World) -> None:
    row = make(interval=HOURLY, one_off=True)
    assert fired(world, NOW + 3 * HOUR) == [NOW + HOUR]
    row.refresh_from_db()
    assert not row.enabled
    PeriodicTasks.update_changed()  # within half a minute it is read again anyway
    world.turn()

    row.enabled = True
    row.save()

    assert fired(world, NOW + 6 * HOUR) == [NOW + HOUR, NOW + 4 * HOUR]


@pytest.mark.parametrize(("ago", "owed"), [(-HOUR, 1), (timedelta(seconds=50), 1), (timedelta(seconds=70), 0)])
def test_a_clocked_row_fires_once_and_not_for_a_time_long_before_it_was_made(
    make: Make, world: World, ago: timedelta, owed: int
) -> None:
    world.new_leader()
    row = make(clocked={"clocked_time": NOW - ago}, one_off=True)
    world.after(1)

    assert fired(world, NOW + 3 * HOUR) == [NOW - ago] * owed
    row.refresh_from_db()
    assert row.enabled == (owed == 0)


def test_a_clocked_time_that_nobody_was_there_to_decide_is_told_as_missed(make: Make, world: World) -> None:
    make(clocked={"clocked_time": NOW + HOUR}, one_off=True)
    world.new_leader()

    world.after(3 * HOUR.total_seconds())

    assert world.broker.sent == []
    assert Run.objects.get().state == State.MISSED


def test_a_solar_row_is_silent_in_the_polar_night_and_harms_nobody(make: Make, world: World) -> None:
    world.clock.advance(at("2027-12-24 00:00") - NOW)
    make("arctic", solar={"event": "sunrise", "latitude": "78.2", "longitude": "15.6"})
    make("daily", interval=DAILY)

    found = fired(world, at("2028-01-02 00:00"), step=HOUR)

    assert found == [at("2027-12-25") + timedelta(days=n) for n in range(9)]
    upcoming = status("arctic", world.clock.now()).next_at
    assert upcoming is not None
    assert at("2028-02-15") < upcoming < at("2028-02-17")


def test_a_solar_row_fires_each_day(make: Make, world: World) -> None:
    make(solar={"event": "solar_noon", "latitude": "0", "longitude": "0"})

    found = fired(world, NOW + 72 * HOUR)

    assert [f"{one:%m-%d %H:%M}" for one in found] == ["02-28 12:12", "02-29 12:12", "03-01 12:12"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"crontab": {"day_of_month": "31", "month_of_year": "2"}}, "never due again"),
        ({"interval": DAILY, "expires": NOW - HOUR}, "expired"),
        ({"clocked": {"clocked_time": NOW - HOUR}, "one_off": True}, "its time has passed"),
        ({"interval": DAILY, "enabled": False}, "switched off"),
        ({"interval": DAILY}, "as switched"),
        ({"crontab": {"minute": "61"}}, "'61' is no minute"),
        ({"interval": DAILY, "kwargs": "{"}, "cannot be read"),
    ],
)
def test_a_row_says_why_it_is_due_or_not(make: Make, world: World, values: dict[str, Any], why: str) -> None:
    make(**values)
    world.new_leader()

    found = status()

    assert why in found.why
    assert (found.next_at is not None) == (why == "as switched")


def test_a_row_that_cannot_be_read_stops_nobody_else(make: Make, world: World) -> None:
    make("bad", crontab={"minute": "61"})
    make("good", interval=HOURLY)
    PeriodicTask.objects.bulk_create([PeriodicTask(name="without a schedule", task="own.task")])

    assert fired(world, NOW + HOUR) == [NOW + HOUR]


def test_nobody_is_asked_about_no_lines_at_all(transactional_db: None) -> None:
    assert list(lines.read([])) == list(lines.stamps([])) == entry_board(NOW) == []
