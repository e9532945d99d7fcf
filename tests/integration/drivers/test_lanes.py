"""What waits in the ledger for room in its queue, and what is sent a second time because it seems to be lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from tests.integration.drivers.conftest import World
from thor.jobs import outbox, requests
from thor.jobs.models import Lane, Run, State

pytestmark = pytest.mark.django_db(transaction=True)

Every = Callable[..., PeriodicTask]
FULL = 10_000


def lanes() -> list[int]:
    return list(Run.objects.order_by("seq").values_list("lane", flat=True))


def test_what_falls_due_while_a_queue_is_full_waits_in_the_ledger(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)
    world.broker.waiting["default"] = FULL

    assert world.after(1) == []
    assert lanes() == [Lane.DIRECT, Lane.HELD]


def test_what_was_held_goes_out_when_there_is_room_the_newest_first(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)
    world.broker.waiting["default"] = FULL
    for _ in range(3):
        world.after(1)

    world.broker.waiting["default"] = 0
    assert world.turn() == ["own"]

    assert lanes() == [Lane.DIRECT, Lane.HELD, Lane.HELD, Lane.DIRECT]  # an entry has one in its queue at a time
    assert world.broker.sent[-1].uid == Run.objects.order_by("-seq")[0].uid


def test_a_successor_knows_what_waits(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)
    world.broker.waiting["default"] = FULL
    world.after(1)
    waiting = Run.objects.get(lane=Lane.HELD).uid

    world.broker.waiting["default"] = 0
    world.new_leader()
    world.turn()

    assert waiting in {message.uid for message in world.broker.sent}
    assert set(lanes()) == {Lane.DIRECT}


def test_what_waited_until_it_is_too_late_is_missed_and_not_sent(world: World, every: Every) -> None:
    every(1)
    world.new_leader()
    world.after(1)
    world.broker.waiting["default"] = FULL
    world.after(1)
    Run.objects.filter(lane=Lane.HELD).update(deadline_at=Now() - timedelta(seconds=2))

    world.broker.waiting["default"] = 0
    assert world.turn() == []

    world.lead._sweep()
    assert [run.state for run in Run.objects.filter(lane=Lane.HELD)] == [State.MISSED]


def test_a_person_goes_first(world: World, every: Every) -> None:
    every(1)
    every(3600, "rare")
    world.new_leader()
    world.after(1)
    world.broker.waiting["default"] = FULL
    world.after(1)
    requests.run_now("rare", by="trader", clock=world.clock)

    world.broker.waiting["default"] = 0

    assert world.turn() == ["rare", "own"]


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_message_that_was_overtaken_is_sent_again(world: World, every: Every, is_empty: bool) -> None:
    every(60, "lost")
    every(1, "fast")
    world.new_leader()
    world.after(60)
    world.broker.waiting["default"] = 0 if is_empty else 7
    lost = Run.objects.get(name="lost")
    _has_been_waiting(lost)
    if not is_empty:
        Run.objects.filter(name="fast").update(state=State.SUCCEEDED, started_at=Now(), decided_at=Now())

    world.lead._outgoing.release()
    assert world.lead._outgoing.find_lost() >= 1
    sent = len(world.broker.sent)
    world.lead._outgoing.release()

    assert lost.uid in {message.uid for message in world.broker.sent[sent:]}


def test_a_message_that_may_still_be_on_its_way_is_left_alone(world: World, every: Every) -> None:
    every(60, "waits")
    world.new_leader()
    world.after(60)
    world.broker.waiting["default"] = 1
    _has_been_waiting(Run.objects.get(name="waits"))
    world.lead._outgoing.release()

    assert world.lead._outgoing.find_lost() == 0


def test_the_same_message_is_not_sent_again_and_again(
    world: World, every: Every, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.drivers.outgoing.boottime", lambda: 1000.0)  # it may be sent again, after five seconds
    every(60, "in somebody's hand")
    world.new_leader()
    world.after(60)
    _has_been_waiting(Run.objects.get())
    outgoing = world.lead._outgoing
    outgoing.release()

    assert outgoing.find_lost() == 1
    assert outgoing.release() == 1
    assert outgoing.find_lost() == 0


def test_a_run_that_waits_for_its_next_attempt_is_lost_only_after_its_time(world: World, every: Every) -> None:
    every(60)
    world.new_leader()
    world.after(60)
    run = Run.objects.get()
    _has_been_waiting(run)
    world.lead._outgoing.release()

    Run.objects.filter(seq=run.seq).update(reason="retry", not_before=Now() + timedelta(seconds=60))
    assert outbox.unclaimed() == []
    assert outbox.owed(0) == []
    assert world.lead._outgoing.find_lost() == 0

    Run.objects.filter(seq=run.seq).update(not_before=Now() - timedelta(seconds=6))
    assert world.lead._outgoing.find_lost() == 1


def _has_been_waiting(run: Run) -> None:
    """Let a run be decided ten seconds ago, by the database's clock."""
    Run.objects.filter(seq=run.seq).update(decided_at=Now() - timedelta(seconds=10))
