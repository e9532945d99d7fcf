"""What a leader decides and publishes, on real rows and a real ledger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from tests.integration.drivers.conftest import START, World, states
from thor.drivers.batch import Batch, _add
from thor.jobs import lines
from thor.jobs.decision import Deposed
from thor.jobs.models import Entry, Lane, Run, State
from thor.jobs.versions import version_of
from thor.leadership.models import Leader
from thor.timing import Dropped, Occurrence, Plan, ReplayClock

pytestmark = pytest.mark.django_db(transaction=True)

Every = Callable[..., PeriodicTask]


def nominal(world: World) -> list[datetime]:
    return [message.occurrence.nominal_at for message in world.broker.sent]


def test_an_interval_fires_on_the_grid_of_the_epoch(world: World, every: Every) -> None:
    world.clock.set(START + timedelta(seconds=0.4))
    every(10)
    world.new_leader()

    assert world.after(9.5) == []
    assert world.after(0.2) == ["own"]
    assert world.after(9.8) == []
    assert world.after(0.2) == ["own"]

    assert nominal(world) == [START + timedelta(seconds=10), START + timedelta(seconds=20)]


def test_nothing_fires_early(world: World, every: Every) -> None:
    every(1)
    world.new_leader()

    assert world.after(0.999999) == []
    assert world.after(0.000001) == ["own"]


def test_a_successor_may_send_the_last_run_again_under_the_same_id_alone(world: World, every: Every) -> None:
    every(5)
    world.new_leader()
    world.after(5)

    world.new_leader()
    world.turn()
    world.after(5)

    # What is unclaimed and perhaps never arrived goes out again, and the claim lets one of the two start.
    assert {message.uid for message in world.broker.sent} == {run.uid for run in Run.objects.all()}
    assert states() == [("due", "", 1), ("due", "", 1)]


def test_a_successor_does_not_send_what_was_claimed(world: World, every: Every) -> None:
    every(5)
    world.new_leader()
    world.after(5)
    Run.objects.update(state=State.SUCCEEDED)

    world.new_leader()

    assert world.turn() == []
    assert world.after(5) == ["own"]


def test_a_deposed_leader_publishes_nothing(world: World, every: Every) -> None:
    every(5)
    old = world.new_leader()
    world.new_leader()
    world.lead = old

    with pytest.raises(Deposed):
        world.after(5)

    assert world.broker.sent == []
    assert Run.objects.count() == 0


def test_what_was_decided_and_not_published_is_published_by_the_successor(world: World, every: Every) -> None:
    every(5)
    world.new_leader()
    world.turn()
    world.broker.is_down = True
    world.after(5)
    assert world.broker.sent == []

    world.broker.is_down = False
    world.new_leader()

    assert world.turn() == ["own"]
    assert Run.objects.count() == 1


def test_a_refused_batch_is_published_again_when_the_broker_is_back(world: World, every: Every) -> None:
    every(5)
    world.new_leader()
    world.turn()
    world.broker.is_down = True
    world.after(5)

    world.broker.is_down = False

    assert world.turn() == ["own"]
    assert world.turn() == []


def test_after_a_gap_the_newest_slot_runs_and_the_others_are_one_row(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)

    world.after(4)

    assert nominal(world)[-1] == START + timedelta(seconds=5)
    assert states() == [("due", "", 1), ("missed", "superseded", 3), ("due", "", 1)]


def test_a_weekend_without_leader_is_a_handful_of_rows(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)

    world.clock.advance(timedelta(days=2))
    world.new_leader()
    world.turn()

    assert Run.objects.count() <= 4
    assert sum(run.count for run in Run.objects.all()) == 1 + 2 * 86_400


def test_a_pre_made_task_for_another_application_is_handed_over(world: World, every: Every) -> None:
    every(5, task="foreign.task")
    world.new_leader()
    world.turn()

    world.after(5)

    assert world.broker.names == ["own"]
    assert states() == [("handed_over", "", 1)]


def test_a_shorter_interval_takes_effect_without_a_restart(world: World, every: Every) -> None:
    task = every(60)
    world.new_leader()
    world.after(1)

    task.interval = IntervalSchedule.objects.create(every=2, period="seconds")
    task.save()
    world.turn()

    assert world.after(1.5) == ["own"]
    assert nominal(world) == [START + timedelta(seconds=2)]


def test_an_edit_makes_no_occurrence_in_the_past(world: World, every: Every) -> None:
    task = every(60)
    world.new_leader()
    world.after(30)

    task.interval = IntervalSchedule.objects.create(every=1, period="seconds")
    task.save()

    assert world.turn() == []
    assert world.after(1) == ["own"]
    assert states() == [("due", "", 1)]


def test_a_disabled_task_stops_and_an_enabled_one_starts_from_now(world: World, every: Every) -> None:
    task = every(1)
    world.new_leader()
    world.after(1)

    task.enabled = False
    task.save()
    world.turn()
    assert world.after(10) == []

    task.enabled = True
    task.save()
    assert world.turn() == []
    assert world.after(1) == ["own"]
    assert states() == [("due", "", 1), ("due", "", 1)]


def test_a_deleted_task_stops(world: World, every: Every) -> None:
    task = every(1)
    world.new_leader()
    world.after(1)

    task.delete()
    world.turn()

    assert world.after(5) == []


def test_a_renamed_task_keeps_its_identity(world: World, every: Every) -> None:
    task = every(1)
    world.new_leader()
    world.after(1)

    task.name = "renamed"
    task.save()
    world.turn()
    world.after(1)

    assert set(Run.objects.values_list("entry", flat=True)) == {Entry.objects.get().id}
    assert world.broker.names[-1] == "renamed"


def test_a_one_off_task_fires_once(world: World, every: Every) -> None:
    task = every(2, one_off=True)
    world.new_leader()

    world.after(2)
    world.after(2)
    world.new_leader()
    world.after(2)

    task.refresh_from_db()
    assert Run.objects.count() == 1
    assert not task.enabled


def test_a_clocked_task_fires_at_its_instant(world: World) -> None:
    clocked = ClockedSchedule.objects.create(clocked_time=START + timedelta(seconds=30))
    PeriodicTask.objects.create(name="own", task="own.task", clocked=clocked, one_off=True)
    world.new_leader()

    assert world.after(29.9) == []
    assert world.after(0.2) == ["own"]
    assert nominal(world) == [START + timedelta(seconds=30)]


def test_a_crontab_fires_in_its_zone(world: World) -> None:
    row = CrontabSchedule.objects.create(minute="1", hour="10", timezone=ZoneInfo("America/New_York"))
    PeriodicTask.objects.create(name="own", task="own.task", crontab=row)
    world.new_leader()

    assert world.after(59) == []
    assert world.after(2) == ["own"]
    assert nominal(world) == [START + timedelta(minutes=1)]


def test_a_task_fires_only_between_its_start_and_its_expiry(world: World, every: Every) -> None:
    every(10, start_time=START + timedelta(seconds=15), expires=START + timedelta(seconds=40))
    world.new_leader()

    for _ in range(16):
        world.after(5)

    # The grid of an interval with a start time is anchored there.
    assert nominal(world) == [
        START + timedelta(seconds=15),
        START + timedelta(seconds=25),
        START + timedelta(seconds=35),
    ]


def test_a_row_that_cannot_be_read_does_not_stop_the_others(world: World, every: Every) -> None:
    every(1, name="broken", args="[not json")
    every(1, name="sound")
    world.new_leader()

    assert world.after(1) == ["sound"]


@pytest.mark.parametrize("values", [{"args": "5"}, {"kwargs": "[1]"}, {"headers": "[]"}])
def test_arguments_of_the_wrong_kind_stop_no_other_line(world: World, every: Every, values: dict[str, str]) -> None:
    every(1, name="broken", **values)
    every(1, name="sound")
    world.new_leader()

    assert world.after(1) == ["sound"]


def test_an_interval_beyond_all_time_stops_no_other_line(world: World, every: Every) -> None:
    every(1, name="sound")
    endless = IntervalSchedule.objects.create(every=2_000_000_000, period="days")
    PeriodicTask.objects.create(name="endless", task="own.task", interval=endless)
    world.new_leader()

    assert world.after(1) == ["sound"]


def test_the_first_reign_decides_from_its_beginning_although_nothing_is_due(world: World, every: Every) -> None:
    every(3600)
    world.new_leader()
    world.turn()

    world.clock.advance(timedelta(minutes=70))
    world.new_leader()
    world.turn()

    assert sum(run.count for run in Run.objects.all()) == 1


def test_a_one_off_run_that_was_not_published_is_published_by_the_successor(world: World, every: Every) -> None:
    every(5, one_off=True)
    world.new_leader()
    world.turn()
    world.broker.is_down = True
    world.after(5)

    world.broker.is_down = False
    world.new_leader()

    assert world.turn() == ["own"]
    assert states() == [("due", "", 1)]


def test_arguments_queue_and_priority_are_sent(world: World, every: Every) -> None:
    every(1, args="[1]", kwargs='{"a": 2}', queue="trading", priority=3, headers='{"x": "y"}')
    world.new_leader()
    world.after(1)

    row = world.broker.sent[0].row
    assert (row.args, row.kwargs, row.headers) == ([1], {"a": 2}, {"x": "y"})
    assert row.options == {"queue": "trading", "priority": 3}


def test_what_people_see_is_kept_up(world: World, every: Every) -> None:
    task = every(1)
    world.new_leader()
    world.after(1)
    world.after(1)

    world.lead._show._next = float("-inf")
    world.turn()

    task.refresh_from_db()
    assert (task.last_run_at, task.total_run_count) == (START + timedelta(seconds=2), 2)


def test_writing_what_people_see_is_no_edit(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    for _ in range(3):
        world.lead._show._next = float("-inf")
        world.after(1)

    assert states() == [("due", "", 1)] * 3


def test_the_cursor_is_in_the_database_after_every_decision(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)

    assert Leader.objects.get().decided_until == START + timedelta(seconds=1)


def test_a_replay_folds_the_slots_of_a_tick_into_one_run(every: Every, transactional_db: None) -> None:
    wall = datetime.now(UTC)
    passed = [0.0]

    class Wall:
        def wall(self) -> datetime:
            return wall + timedelta(seconds=passed[0])

        def now(self) -> datetime:
            return self.wall()

        def wall_of(self, at: datetime) -> datetime:
            return at

        def on_wall(self, span: timedelta) -> timedelta:
            return span

    clock = ReplayClock(START, wall, 60.0, timedelta(seconds=0.5), Wall())
    every(1)
    world = World(clock)
    world.new_leader()
    passed[0] += 0.5
    world.turn()
    passed[0] += 0.5
    world.turn()

    runs = list(Run.objects.order_by("nominal_at"))
    assert [run.nominal_at - START for run in runs] == [timedelta(seconds=30), timedelta(seconds=60)]
    assert [run.count for run in runs] == [30, 30]
    assert all(run.state == State.DUE and run.deadline_at > run.due_at for run in runs)


def test_what_cannot_be_read_silences_itself_alone(world: World, every: Every) -> None:
    every(1)
    broken = every(1, "broken")
    world.new_leader()
    world.after(1)
    Entry.objects.filter(task=broken).update(job="gone", market="atlantis", window="no such window")

    world.new_leader()

    assert set(world.after(1)) == {"own"}


def test_a_line_that_came_during_a_turn_is_not_passed_over(world: World, every: Every) -> None:
    world.new_leader()
    world.clock.set(START + timedelta(seconds=1.2))
    world.lead._dispatcher.turn(world.clock.now())
    every(1)
    Entry.objects.create(task=PeriodicTask.objects.get(), name="own", since=START + timedelta(seconds=0.5))
    entry = Entry.objects.get()
    line = next(iter(lines.read([entry.task_id])))
    Entry.objects.update(version=version_of(line))  # as if it had been declared then

    world.lead._read(world.clock.now(), announced=False)
    world.lead._dispatcher.advance(world.clock.now())
    world.turn()

    assert nominal(world) == [START + timedelta(seconds=1)]


def test_preparing_again_and_again_leaves_nothing_behind(world: World, every: Every) -> None:
    every(2)
    world.new_leader()
    world.clock.advance(timedelta(seconds=0.5))
    dispatcher = world.lead._dispatcher

    for _ in range(20):
        dispatcher.prepare(world.clock.now())
        assert dispatcher.next_due() == START + timedelta(seconds=2)
        dispatcher.forget_prepared()

    assert [len(due) for due in world.lead._timetable.agenda._due.values()] == [1, 1]
    assert world.after(1.5) == ["own"]
    assert world.after(2) == ["own"]


def test_what_is_far_off_is_not_prepared(world: World, every: Every) -> None:
    every(3600)
    world.new_leader()

    world.lead._dispatcher.prepare(world.clock.now())

    assert world.lead._dispatcher._ahead is None


def test_after_a_gap_an_overlap_swallows_no_slot_that_has_a_row(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    row = next(iter(world.lead._timetable.agenda.rows.values()))
    occurrence = Occurrence(row.id, START + timedelta(seconds=3), START + timedelta(seconds=8))
    gap = Dropped(row.id, START + timedelta(seconds=1), START + timedelta(seconds=2), 2, "superseded")
    batches = Batch(START), Batch(START)

    _add(batches[0], row, Plan((occurrence,), (gap,), None), world.clock, Lane.DIRECT)
    _add(batches[1], row, Plan((occurrence,), (), None), world.clock, Lane.DIRECT)

    assert [[one.folds for one in batch.planned if one.state == State.DUE] for batch in batches] == [[False], [True]]
