"""What people ask for: a run now, a stretch of the past, a leader that makes way."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from django_celery_beat.models import PeriodicTask

from tests.integration.drivers.conftest import START, World, states
from thor.drivers.reign import Reign
from thor.jobs import requests
from thor.jobs.controls import NoSuchEntry, find_entry, pause_entry, resume_entry
from thor.jobs.models import Run, State
from thor.leadership.elector import Elector
from thor.leadership.requests import StepDownRequests, ask_to_step_down
from thor.testing.lease import InMemoryLease

pytestmark = pytest.mark.django_db(transaction=True)

Every = Callable[..., PeriodicTask]


def test_a_run_that_is_asked_for_is_published_once(world: World, every: Every) -> None:
    every(3600)
    world.new_leader()

    uid = requests.run_now("own", by="trader", clock=world.clock)

    assert world.turn() == ["own"]
    assert world.turn() == []
    run = Run.objects.get()
    assert (run.uid, run.origin, run.state) == (uid, "manual:trader", State.DUE)
    assert world.broker.sent[0].uid == uid


def test_a_successor_publishes_what_was_asked_for_and_not_claimed(world: World, every: Every) -> None:
    every(3600)
    world.new_leader()
    requests.run_now("own", by="trader", clock=world.clock)
    world.broker.is_down = True
    world.turn()

    world.broker.is_down = False
    world.new_leader()

    assert "own" in world.turn()
    assert Run.objects.count() == 1


def test_a_request_moves_no_cursor(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    requests.run_now("own", by="trader", clock=world.clock)
    world.turn()

    assert world.after(10) == ["own"]
    assert {run.origin for run in Run.objects.all()} == {"", "manual:trader"}


def test_a_name_that_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(NoSuchEntry, match="no entry 'nobody'"):
        requests.run_now("nobody", by="trader", clock=world.clock)
    with pytest.raises(NoSuchEntry, match="no entry 'nobody'"):
        find_entry("nobody")


def test_a_back_fill_runs_what_did_not_happen_and_leaves_what_did(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    world.after(10)
    Run.objects.update(state=State.SUCCEEDED)
    world.after(10)
    Run.objects.filter(state=State.DUE).update(state=State.LOST)
    world.after(40)  # one runs, three are one row
    Run.objects.filter(state=State.DUE).update(state=State.SUCCEEDED)
    assert sorted(states()) == [
        ("lost", "", 1),
        ("missed", "deadline", 3),
        ("succeeded", "", 1),
        ("succeeded", "", 1),
    ]

    world.after(1)
    world.lead._dispatcher.advance(world.clock.now())
    done = requests.backfill("own", start=START, end=START + timedelta(seconds=61), by="trader", clock=world.clock)

    assert (done.slots, done.made, done.reopened, done.left) == (6, 3, 1, 2)
    assert world.turn() == ["own"] * 4
    due = Run.objects.filter(state=State.DUE)
    assert {run.origin for run in due} == {"", "backfill:trader"}


def test_a_second_back_fill_of_the_same_stretch_asks_for_nothing(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    world.after(60)
    Run.objects.all().delete()
    stretch = {"start": START, "end": START + timedelta(seconds=60)}
    requests.backfill("own", **stretch, by="trader", clock=world.clock)  # type: ignore[arg-type]
    before = Run.objects.count()

    requests.backfill("own", **stretch, by="trader", clock=world.clock)  # type: ignore[arg-type]

    assert Run.objects.count() == before


def test_a_stretch_that_is_too_long_is_refused(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(timedelta(days=1).total_seconds())

    with pytest.raises(requests.TooMany):
        requests.backfill("own", start=START, end=START + timedelta(days=1), by="x", clock=world.clock)


def test_a_paused_entry_stays_paused_for_requests_too(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    pause_entry(find_entry("own"), by="trader", reason="", at=world.clock.now())

    assert find_entry("own").control.paused


def test_a_leader_that_is_asked_makes_way_and_holds_back(world: World, redis_client: redis.Redis) -> None:
    now = [1000.0]
    lease = InMemoryLease(lambda: now[0])
    elector = Elector(lease, timedelta(seconds=1.5), identity="first", now=lambda: now[0])
    reign = Reign(
        elector=elector,
        carrier=world.broker,  # type: ignore[arg-type]
        clock=world.clock,
        requests=StepDownRequests(),
    )
    reign._wake.set()
    reign.turn()
    assert reign.lead is not None

    ask_to_step_down("first")
    reign._asked._next = float("-inf")
    reign._wake.set()
    reign.turn()

    assert reign.lead is None
    assert lease.holding() is None
    assert not elector.campaign()


def test_a_request_for_another_leader_is_left_alone(world: World, redis_client: redis.Redis) -> None:
    ask_to_step_down("somebody else")

    assert not StepDownRequests().is_for("first")
    assert StepDownRequests().is_for("somebody else")
    assert not StepDownRequests().is_for("somebody else")


def test_a_stretch_ends_where_time_has_been_decided(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    world.turn()
    world.clock.advance(timedelta(seconds=60))  # and no leader decides it

    done = requests.backfill("own", start=START, end=START + timedelta(seconds=60), by="x", clock=world.clock)

    assert done.slots == 0


def test_a_stretch_that_may_have_been_purged_is_refused(world: World, every: Every) -> None:
    every(10)
    world.new_leader()

    with pytest.raises(requests.TooOld, match="for 2 days"):
        requests.backfill("own", start=START - timedelta(days=3), end=START, by="x", clock=world.clock)


def test_what_fell_due_before_a_pause_while_nobody_led_is_dropped_with_it(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    world.after(10)
    world.lead = None
    world.clock.advance(timedelta(seconds=25))  # 20 and 30 fall due, and nobody decides
    pause_entry(find_entry("own"), by="trader", reason="news", at=world.clock.now())
    world.clock.advance(timedelta(seconds=10))  # 40 is paused

    world.new_leader()
    world.turn()
    resume_entry(find_entry("own"), by="trader", at=world.clock.now())
    world.after(1)

    assert [(run.state, run.reason, run.count) for run in Run.objects.order_by("nominal_at")] == [
        ("due", "", 1),
        ("skipped", "paused", 3),
    ]


def test_a_pause_that_is_taken_up_again_unseen_is_one(world: World, every: Every) -> None:
    every(10)
    world.new_leader()
    world.after(10)
    entry = find_entry("own")
    pause_entry(entry, by="trader", reason="news", at=world.clock.now())
    world.after(10)  # 20 is paused
    resume_entry(entry, by="trader", at=world.clock.now())
    world.clock.advance(timedelta(seconds=1))
    pause_entry(entry, by="trader", reason="more news", at=world.clock.now())  # before any leader looks
    world.after(10)  # 30 is paused

    resume_entry(entry, by="trader", at=world.clock.now())
    world.after(1)

    assert [(run.state, run.count) for run in Run.objects.order_by("nominal_at")] == [("due", 1), ("skipped", 2)]


def test_a_pause_whose_first_slot_was_decided_already_has_its_row(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)
    world.clock.advance(timedelta(seconds=0.9))
    paused_at = world.clock.now()
    world.clock.advance(timedelta(seconds=0.1))
    world.lead.turn()  # the second slot is decided before the leader looks
    pause_entry(find_entry("own"), by="trader", reason="news", at=paused_at)
    world.turn()
    world.clock.advance(timedelta(seconds=100))
    resume_entry(find_entry("own"), by="trader", at=world.clock.now())
    world.clock.advance(timedelta(seconds=1.5))  # until the leader looks
    world.turn()

    assert [(run.state, run.count) for run in Run.objects.order_by("nominal_at")] == [
        ("due", 1),
        ("due", 1),
        ("skipped", 101),
    ]
