"""A slow tick, however slow, ends where a window opens, and leaves nothing waiting until it is too late."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from tests.integration.drivers.conftest import World
from thor.drivers.lead import LONGEST_WAIT, Lead
from thor.drivers.pace import Ticks
from thor.jobs.sync import sync_jobs
from thor.leadership.term import raise_term
from thor.timing import ManualClock

SLOW = timedelta(hours=1)


def leading(begin: datetime) -> World:
    """Give a leader whose tick is an hour, as if every market were closed."""
    world = World(ManualClock(begin))
    reign = raise_term("tester", at=begin)
    pace = Ticks(lambda at: SLOW, timedelta(seconds=1), SLOW)
    world.lead = Lead(reign, carrier=world.broker, clock=world.clock, pace=pace)
    world.lead._look_around()  # nothing is new to it any more, so that no edit ends its tick
    world.lead.turn()
    return world


@pytest.mark.django_db(transaction=True)
def test_a_window_that_opens_within_a_slow_tick_is_not_missed() -> None:
    begin = datetime(2027, 11, 22, 14, 10, tzinfo=UTC)
    sync_jobs(at=begin)
    world = leading(begin)

    world.clock.set(datetime(2027, 11, 22, 14, 28, 59, tzinfo=UTC))
    world.lead.turn()
    before = list(world.broker.names)
    world.clock.set(datetime(2027, 11, 22, 14, 29, tzinfo=UTC))
    world.lead.turn()

    assert "preopen_backtest @ usa" not in before
    assert "preopen_backtest @ usa" in world.broker.names


@pytest.mark.django_db(transaction=True)
def test_what_is_due_waits_no_longer_than_half_of_its_grace() -> None:
    begin = datetime(2027, 11, 20, 12, 0, 1, tzinfo=UTC)
    at_ten_past, _ = CrontabSchedule.objects.get_or_create(minute="10", hour="12")
    PeriodicTask.objects.create(name="own", task="own.task", crontab=at_ten_past)
    world = leading(begin)

    world.clock.set(datetime(2027, 11, 20, 12, 10, tzinfo=UTC))
    world.lead.turn()
    before = list(world.broker.names)
    world.clock.advance(LONGEST_WAIT)
    world.lead.turn()

    assert "own" not in before
    assert "own" in world.broker.names
