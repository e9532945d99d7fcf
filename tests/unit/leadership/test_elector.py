"""One scheduler's view of whether it leads."""

from datetime import timedelta

import pytest

from thor.leadership.elector import Elector
from thor.testing.lease import InMemoryLease

TTL = timedelta(seconds=1.5)


class World:
    """A steady clock, a lease, and electors that share them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lease = InMemoryLease(lambda: self.now)

    def elector(self, name: str) -> Elector:
        return Elector(self.lease, TTL, identity=name, now=lambda: self.now)

    def living(self, elector: Elector) -> Elector:
        elector.turned()
        elector.database_answered()
        return elector


@pytest.fixture
def world() -> World:
    return World()


def test_of_two_that_campaign_one_leads(world: World) -> None:
    first, second = world.elector("a"), world.elector("b")

    assert first.campaign()
    assert not second.campaign()

    assert first.leads()
    assert not second.leads()


def test_trust_ends_before_the_lease_does(world: World) -> None:
    elector = world.elector("a")
    elector.campaign()

    world.now += 0.75 * 1.5 - 0.001
    assert elector.leads()

    world.now += 0.002
    assert not elector.leads()
    assert world.lease.holding() is not None


def test_trust_is_anchored_at_the_start_of_the_attempt(world: World) -> None:
    elector = world.elector("a")
    answer = world.lease.acquire

    def slow(holder: str, ttl: timedelta) -> bool:
        held = answer(holder, ttl)
        world.now += 1.0  # the answer takes a second to arrive
        return held

    world.lease.acquire = slow  # type: ignore[method-assign]
    assert elector.campaign()

    assert elector.trusted_for() == pytest.approx(timedelta(seconds=0.125), abs=timedelta(microseconds=5))


def test_a_process_that_was_stopped_finds_out_before_it_acts(world: World) -> None:
    sleeper, other = world.elector("a"), world.elector("b")
    sleeper.campaign()

    world.now += 60

    assert not sleeper.leads()
    assert other.campaign()
    assert not sleeper.renew()
    assert other.leads()


def test_a_leader_renews_as_long_as_it_proves_to_be_alive(world: World) -> None:
    elector = world.elector("a")
    elector.campaign()

    for _ in range(100):
        world.now += 0.3
        world.living(elector)
        assert elector.renew()


def test_a_loop_that_hangs_loses_the_lease(world: World) -> None:
    elector = world.elector("a")
    elector.campaign()

    for _ in range(11):
        world.now += 0.3
        elector.database_answered()
        elector.renew()

    assert not elector.leads()
    assert world.lease.holding() is None


def test_a_leader_without_database_gives_way_and_holds_back(world: World) -> None:
    cut_off, standby = world.elector("a"), world.elector("b")
    cut_off.campaign()
    for _ in range(11):
        world.now += 0.3
        cut_off.turned()
        cut_off.renew()

    assert not cut_off.campaign()
    assert standby.campaign()

    world.now += 5.1
    standby.resign()
    assert cut_off.campaign()


def test_nobody_gains_a_lease_that_cannot_be_reached(world: World) -> None:
    elector = world.elector("a")
    world.lease.cut()

    assert not elector.campaign()

    assert not elector.reachable


def test_a_leader_that_cannot_reach_the_lease_trusts_it_to_the_end_and_no_longer(world: World) -> None:
    elector = world.elector("a")
    elector.campaign()
    world.lease.cut()

    world.now += 0.5
    assert world.living(elector).renew()
    world.now += 0.7

    assert not elector.leads()


def test_identities_are_new_for_each_start(world: World) -> None:
    assert Elector(world.lease, TTL).identity != Elector(world.lease, TTL).identity


def test_holding_back_ends_when_nobody_else_wants_the_lease(world: World) -> None:
    alone = world.elector("a")
    alone.campaign()
    alone.give_way()

    world.now += 1.4
    assert not alone.campaign()
    world.now += 0.2
    assert alone.campaign()


def test_holding_back_goes_on_while_somebody_else_has_the_lease(world: World) -> None:
    first, standby = world.elector("a"), world.elector("b")
    first.campaign()
    first.give_way()
    standby.campaign()

    for _ in range(4):
        world.now += 1
        world.living(standby).renew()
        assert not first.campaign()


def test_a_standby_learns_when_the_lease_will_be_free(world: World) -> None:
    leader, standby = world.elector("a"), world.elector("b")
    assert standby.free_in() == timedelta(0)

    leader.campaign()
    world.now += 1.2

    assert standby.free_in() == pytest.approx(timedelta(seconds=0.3), abs=timedelta(milliseconds=1))
