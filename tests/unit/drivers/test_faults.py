"""Single faults of the protocol, each at the moment that hurts most."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.unit.drivers.paper import Paper
from tests.unit.drivers.simulation import START, Killed, Node, World, edited
from thor.jobs.models import State


@pytest.fixture
def world() -> Iterator[World]:
    """Return a world in which one of two schedulers has led for some seconds."""
    made = World()
    made.start("first")
    made.start("second")
    made.pass_time(7)
    yield made
    made.close()


def leader(world: World) -> Node:
    return next(node for node in world.nodes if node.leads)


def forgotten(world: World) -> list[Paper]:
    """Return what may still run and waits in no queue."""
    waiting = set(world.queue.waiting)
    return [row for row in world.ledger.rows.values() if world.ledger.is_claimable(row) and row.uid not in waiting]


def without_a_row(world: World) -> list[str]:
    """Return the slots since the third second that no row speaks of."""
    until = world.ledger.decided_until
    assert until is not None
    spoken = {
        (row.name, row.nominal_at + number * world.lines[row.entry].timed.cadence.period)
        for row in world.ledger.rows.values()
        for number in range(row.count)
    }
    seconds = range(3, int((until - START).total_seconds()) + 1)
    return [
        f"{line.name} of {second}"
        for line in world.lines.values()
        for second in seconds
        if second % line.timed.cadence.period.total_seconds() == 0
        and line.name != "pausable"
        and (line.name, START + timedelta(seconds=second)) not in spoken
    ]


@pytest.mark.parametrize("step", ["planned", "decided", "published"])
def test_decisions_that_a_crash_takes_back_are_made_again(world: World, step: str) -> None:
    leader(world).on_step[step] = world.crash_the_database

    world.pass_time(10)

    assert without_a_row(world) == []
    assert forgotten(world) == []


def test_without_faults_each_slot_has_a_row_and_a_message(world: World) -> None:
    world.pass_time(10)

    assert without_a_row(world) == []
    assert forgotten(world) == []
    assert {row.state for row in world.ledger.rows.values()} <= {State.DUE, State.MISSED}


@pytest.mark.parametrize("fate", ["refused", "unanswered"])
def test_a_decision_that_breaks_off_costs_no_slot_and_no_message(world: World, fate: str) -> None:
    leader(world).next_decision = fate

    world.pass_time(8)

    assert without_a_row(world) == []
    assert forgotten(world) == []


def test_a_database_that_is_away_costs_no_slot(world: World) -> None:
    for node in world.nodes:
        node.is_database_away = True
    world.pass_time(6)
    for node in world.nodes:
        node.is_database_away = False

    world.pass_time(8)

    assert without_a_row(world) == []


def test_a_batch_that_the_broker_refuses_is_published_later(world: World) -> None:
    node = leader(world)
    node.refuses = True
    world.pass_time(4)
    node.refuses = False

    world.pass_time(3)

    assert forgotten(world) == []


def test_a_batch_of_which_a_part_arrives_is_published_again(world: World) -> None:
    leader(world).sends_some = True

    world.pass_time(3)

    assert forgotten(world) == []


def test_a_broker_that_comes_back_empty_before_anybody_looks_is_found_out(world: World) -> None:
    world.queue.forget()
    leader(world).on_step["planned"] = world.queue.forget  # once more, right before the next batch and its mark

    world.pass_time(3)

    assert forgotten(world) == []


def test_a_broker_that_dies_with_the_leader_is_found_out_by_the_successor(world: World) -> None:
    def die() -> None:
        world.queue.forget()
        raise Killed

    leader(world).on_step["published"] = die

    world.pass_time(8)

    assert leader(world).name == "second"
    assert forgotten(world) == []


def test_a_leader_frozen_before_its_decision_decides_nothing_when_it_wakes(world: World) -> None:
    sleeper = leader(world)
    sleeper.on_step["planned"] = lambda: world.pass_time(8)

    world.pass_time(3)

    assert leader(world) is not sleeper
    assert without_a_row(world) == []
    assert [row.term for row in world.ledger.rows.values()] == sorted(row.term for row in world.ledger.rows.values())


def test_resuming_a_line_costs_no_other_line_a_slot(world: World) -> None:
    begin = world.clock.now()
    world.replace(edited(world.pausable, begin, paused=True))
    world.pass_time(3)
    world.replace(edited(world.pausable, world.clock.now(), pauses=(begin, world.clock.now())))

    world.pass_time(3)

    assert without_a_row(world) == []
    paused = [row for row in world.ledger.rows.values() if row.reason == "paused"]
    assert [row.count for row in paused] == [3]


def test_a_loss_is_not_forgotten_when_the_database_fails_before_it_is_made_good(world: World) -> None:
    node = leader(world)

    def lose() -> None:
        world.queue.forget()
        world.at_every_moment = lambda: setattr(node, "is_database_away", True)

    node.on_step["published"] = lose
    world.pass_time(2)
    world.at_every_moment = lambda: None
    node.is_database_away = False

    world.pass_time(5)

    assert forgotten(world) == []
