"""Those who stand by know the schedule, and begin where the leader ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from tests.integration.drivers.conftest import START, World
from thor.drivers.agenda import Agenda
from thor.drivers.standby import Standby
from thor.jobs.models import Entry
from thor.jobs.schedule import Schedule

pytestmark = pytest.mark.django_db(transaction=True)

Every = Callable[..., PeriodicTask]


def stand_by(standby: Standby) -> None:
    """Follow the leader now, whatever the time."""
    standby._follow._next = float("-inf")
    assert standby.turn()


def take_over(world: World, standby: Standby) -> Any:
    return world.new_leader(standby.take())


def test_a_takeover_reads_what_changed_and_no_more(world: World, every: Every, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        every(10, f"line {number}")
    world.new_leader()
    world.after(10)
    standby = Standby()
    stand_by(standby)
    PeriodicTask.objects.filter(name="line 7").update(interval=_interval(5))

    read: list[int] = []
    original = Schedule._read
    monkeypatch.setattr(Schedule, "_read", lambda self, pks, *rest: read.extend(pks) or original(self, pks, *rest))
    take_over(world, standby)

    assert read == [PeriodicTask.objects.get(name="line 7").pk]
    assert world.after(5) == ["line 7"]


def test_it_passes_over_what_is_decided_and_misses_nothing_after(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    standby = Standby()
    stand_by(standby)
    for _ in range(3):
        world.after(1)
    stand_by(standby)
    world.lead = None
    world.clock.advance(timedelta(seconds=2))

    take_over(world, standby)
    world.turn()

    nominal = [message.occurrence.nominal_at for message in world.broker.sent]
    assert nominal[:3] == [START + timedelta(seconds=number) for number in (1, 2, 3)]
    assert START + timedelta(seconds=5) in nominal


def test_it_looks_again_at_what_the_database_has_forgotten(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)
    decided = world.lead._dispatcher.decided_until
    standby = Standby()
    world.after(1)
    stand_by(standby)
    assert standby._timetable is not None
    assert standby._timetable.cursor > decided

    timetable = standby.take()
    assert timetable is not None
    timetable.begin(decided)  # a crash took the last decision back

    assert timetable.agenda.next_due() == START + timedelta(seconds=2)


def test_it_writes_nothing_and_leaves_edits_to_the_leader(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    world.after(10)
    standby = Standby()
    stand_by(standby)
    every(10, "new")
    PeriodicTask.objects.filter(name="own").update(interval=_interval(4))
    PeriodicTasks.update_changed()
    before = Entry.objects.get(task__name="own").since

    stand_by(standby)

    assert not Entry.objects.filter(task__name="new").exists()
    assert Entry.objects.get(task__name="own").since == before
    take_over(world, standby)
    assert Entry.objects.filter(task__name="new").exists()
    assert Entry.objects.get(task__name="own").since > before


def test_what_was_deleted_meanwhile_does_not_fire(world: World, every: Every) -> None:
    every(1)
    every(1, "other")
    world.new_leader()
    world.after(1)
    standby = Standby()
    stand_by(standby)
    PeriodicTask.objects.filter(name="other").update(interval=_interval(2))
    PeriodicTasks.update_changed()
    stand_by(standby)  # sees an edit that it leaves to a leader
    PeriodicTask.objects.get(name="other").delete()

    take_over(world, standby)

    assert set(world.after(2)) == {"own"}


def _interval(seconds: int) -> IntervalSchedule:
    return IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")[0]


def test_what_was_left_half_read_is_read_again(world: World, every: Every, monkeypatch: pytest.MonkeyPatch) -> None:
    every(1)
    every(1, "other")
    world.new_leader()
    world.after(1)
    standby = Standby()
    original = Agenda.apply

    def break_off(*_: Any, **__: Any) -> None:
        raise OperationalError("the connection broke")

    monkeypatch.setattr(Agenda, "apply", break_off)  # the stamps are taken by then, the lines are not
    with pytest.raises(OperationalError):
        stand_by(standby)
    monkeypatch.setattr(Agenda, "apply", original)
    stand_by(standby)

    take_over(world, standby)

    assert set(world.after(1)) == {"own", "other"}
