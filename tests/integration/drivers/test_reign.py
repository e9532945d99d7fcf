"""The loop of one scheduler, and of two beside each other."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django_celery_beat.models import PeriodicTask

from tests.integration.drivers.conftest import World
from thor.drivers import dispatch
from thor.drivers import reign as module
from thor.drivers.lead import Timer
from thor.drivers.reign import Reign
from thor.jobs.decision import Decision, Deposed
from thor.jobs.models import Run
from thor.leadership.elector import Elector
from thor.leadership.lease import NoLease
from thor.leadership.models import Leader
from thor.leadership.offset import OffsetClock
from thor.leadership.term import raise_term
from thor.testing.lease import InMemoryLease

pytestmark = pytest.mark.django_db(transaction=True)

TTL = timedelta(seconds=1.5)
Every = Callable[..., PeriodicTask]


class Pair:
    """Schedulers that share a lease, a database and a broker; the steady clock moves with the world's."""

    def __init__(self, world: World) -> None:
        self.world, self.now = world, 1000.0
        self.lease = InMemoryLease(lambda: self.now)

    def scheduler(self, name: str, **options: Any) -> Reign:
        lease = options.pop("lease", self.lease)
        elector = Elector(lease, TTL, identity=name, now=lambda: self.now)
        made = Reign(elector=elector, carrier=self.world.broker, clock=self.world.clock, **options)  # type: ignore[arg-type]
        made._wake.set()
        return made

    def pass_time(self, seconds: float, *renewing: Reign) -> None:
        """Let time pass; those who renew do so beside it, as their threads would."""
        for _ in range(10):
            self.now += seconds / 10
            for one in renewing:
                one.elector.renew()
        self.world.clock.advance(timedelta(seconds=seconds))

    def turn(self, *schedulers: Reign) -> None:
        for one in schedulers:
            one._wake.set()  # do not wait
            one.turn()


@pytest.fixture
def pair(world: World) -> Pair:
    return Pair(world)


def test_of_two_schedulers_one_fires(pair: Pair, every: Every) -> None:
    every(1)
    first, second = pair.scheduler("first"), pair.scheduler("second")

    for _ in range(5):
        pair.turn(first, second)
        pair.pass_time(1, first, second)

    assert first.lead is not None
    assert second.lead is None
    assert Run.objects.count() == 4
    assert len(pair.world.broker.sent) == 4


def test_a_standby_takes_over_when_the_lease_expires(pair: Pair, every: Every) -> None:
    every(1)
    first, second = pair.scheduler("first"), pair.scheduler("second")
    pair.turn(first, second)

    pair.pass_time(1.6)
    pair.turn(second)

    assert second.lead is not None
    assert Leader.objects.get().term == 2


def test_a_leader_that_slept_follows_before_it_acts(pair: Pair, every: Every) -> None:
    every(1)
    sleeper, standby = pair.scheduler("sleeper"), pair.scheduler("standby")
    pair.turn(sleeper, standby)
    pair.pass_time(10)
    pair.turn(standby)
    sent = len(pair.world.broker.sent)

    pair.turn(sleeper)

    assert sleeper.lead is None
    assert len(pair.world.broker.sent) == sent


def test_a_leader_that_leaves_hands_over_at_once(pair: Pair, every: Every) -> None:
    every(1)
    first, second = pair.scheduler("first"), pair.scheduler("second")
    pair.turn(first, second)

    first.leave()
    pair.turn(second)

    assert second.lead is not None


def test_without_the_lease_a_deposed_scheduler_gives_up(pair: Pair, every: Every) -> None:
    every(1)
    alone = pair.scheduler("alone", lease=NoLease(), fixed=True)
    pair.turn(alone)
    raise_term("another", at=pair.world.clock.now())
    pair.pass_time(1)

    with pytest.raises(Deposed):
        pair.turn(alone)


def test_an_unreachable_lease_makes_no_leader_and_is_said_once(
    pair: Pair, every: Every, caplog: pytest.LogCaptureFixture
) -> None:
    pair.lease.cut()
    scheduler = pair.scheduler("a")

    with caplog.at_level(logging.WARNING, logger="thor.drivers.reign"):
        for _ in range(3):
            pair.turn(scheduler)
        pair.lease.mend()
        pair.turn(scheduler)

    assert scheduler.lead is not None
    assert [record.message for record in caplog.records if record.name == "thor.drivers.reign"] == [
        "Redis does not answer; nobody can lead until it does",
        "Redis answers again",
    ]


def test_a_database_that_fails_ends_nothing_and_is_said_once(
    pair: Pair, every: Every, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    every(1)
    scheduler = pair.scheduler("a")
    pair.turn(scheduler)
    assert scheduler.lead is not None
    sound = scheduler.lead.turn

    def broken() -> None:
        raise OperationalError("the server closed the connection")

    with caplog.at_level(logging.WARNING, logger="thor.drivers.reign"):
        monkeypatch.setattr(scheduler.lead, "turn", broken)
        pair.turn(scheduler, scheduler)
        monkeypatch.setattr(scheduler.lead, "turn", sound)
        pair.pass_time(1, scheduler)
        pair.turn(scheduler)

    said = [record for record in caplog.records if record.name == "thor.drivers.reign"]
    assert [record.levelname for record in said] == ["ERROR", "WARNING"]
    assert pair.world.broker.names == ["own"]


def test_a_term_that_cannot_be_raised_releases_the_lease(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(module.term, "raise_term", broken)
    scheduler = pair.scheduler("a")

    pair.turn(scheduler)

    assert scheduler.lead is None
    assert pair.lease.holding() is None


def test_a_clock_that_jumps_makes_a_leader_stand_down_until_samples_agree(
    pair: Pair, every: Every, monkeypatch: pytest.MonkeyPatch
) -> None:
    every(1)
    ahead = [timedelta(0)]
    clock = OffsetClock(lambda: pair.world.clock.now() + ahead[0], steady=lambda: pair.now)
    monkeypatch.setattr(module, "COMPARED", timedelta(0))
    scheduler = pair.scheduler("a")
    scheduler.clock, scheduler._compared = clock, Timer(timedelta(0))
    pair.turn(scheduler)
    assert scheduler.lead is not None

    ahead[0] = timedelta(hours=1)
    pair.turn(scheduler)
    assert scheduler.lead is None
    sent = len(pair.world.broker.sent)
    pair.turn(scheduler)
    assert len(pair.world.broker.sent) == sent

    pair.turn(scheduler)
    assert scheduler.lead is not None


def test_a_database_that_fails_in_a_decision_costs_no_slot(
    pair: Pair, every: Every, monkeypatch: pytest.MonkeyPatch
) -> None:
    every(1, name="quick")
    every(2, name="slow")
    scheduler = pair.scheduler("a")
    pair.turn(scheduler)
    pair.pass_time(2, scheduler)
    sound = dispatch.decide

    def broken(_: Decision) -> None:
        raise OperationalError("the answer was lost")

    monkeypatch.setattr(dispatch, "decide", broken)
    pair.turn(scheduler)
    monkeypatch.setattr(dispatch, "decide", sound)
    pair.pass_time(0.5, scheduler)
    pair.turn(scheduler)

    assert Run.objects.filter(name="slow", state="due").count() == 1
    assert sum(run.count for run in Run.objects.filter(name="quick")) == 2


def test_rows_whose_commit_was_not_answered_are_published(
    pair: Pair, every: Every, monkeypatch: pytest.MonkeyPatch
) -> None:
    every(2)
    scheduler = pair.scheduler("a")
    pair.turn(scheduler)
    pair.pass_time(2, scheduler)
    sound = dispatch.decide

    def unanswered(decision: Decision) -> None:
        sound(decision)
        raise OperationalError("the answer was lost")

    monkeypatch.setattr(dispatch, "decide", unanswered)
    pair.turn(scheduler)
    monkeypatch.setattr(dispatch, "decide", sound)
    pair.turn(scheduler)

    assert Run.objects.count() == 1
    assert pair.world.broker.names == ["own"]
