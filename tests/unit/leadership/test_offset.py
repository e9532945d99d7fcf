"""The scheduling clock follows the server and never a step."""

from datetime import UTC, datetime, timedelta

import pytest

from thor.leadership.offset import OffsetClock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class World:
    """A steady clock, and a server whose clock can be stepped; asking takes `delay` each way."""

    def __init__(self) -> None:
        self.steady, self.ahead, self.delay = 100.0, 1_800_000_000.0, 0.0

    def ask(self) -> datetime:
        self.steady += self.delay
        said = EPOCH + timedelta(seconds=self.steady + self.ahead)
        self.steady += self.delay
        return said

    def clock(self) -> OffsetClock:
        return OffsetClock(self.ask, steady=lambda: self.steady)

    def truth(self) -> datetime:
        return EPOCH + timedelta(seconds=self.steady + self.ahead)


@pytest.fixture
def world() -> World:
    return World()


def test_it_tells_the_servers_time(world: World) -> None:
    clock = world.clock()
    world.steady += 5

    assert abs(clock.now() - world.truth()) < timedelta(microseconds=2)


def test_it_is_never_ahead_of_the_server_however_slow_the_answers(world: World) -> None:
    world.delay = 0.05
    clock = world.clock()
    for delay in (0.01, 0.2, 0.0, 0.1):
        world.delay = delay
        clock.sample()

        assert clock.now() <= world.truth() + timedelta(microseconds=2)


def test_a_quick_answer_corrects_what_a_slow_one_left_open(world: World) -> None:
    world.delay = 0.1
    clock = world.clock()
    assert world.truth() - clock.now() > timedelta(milliseconds=90)

    world.delay = 0.0
    clock.sample()

    assert world.truth() - clock.now() < timedelta(microseconds=2)


def test_it_follows_a_slow_drift(world: World) -> None:
    clock = world.clock()
    for _ in range(1000):
        world.steady += 1
        world.ahead -= 0.0005
        assert clock.sample()

        assert abs(clock.now() - world.truth()) < timedelta(milliseconds=1)


@pytest.mark.parametrize("step", [3600.0, -3600.0, 0.3, -0.3])
def test_a_step_of_the_server_makes_the_time_uncertain(world: World, step: float) -> None:
    clock = world.clock()
    world.ahead += step

    assert not clock.sample()

    assert not clock.is_certain


def test_three_agreeing_samples_make_it_certain_again(world: World) -> None:
    clock = world.clock()
    world.ahead += 3600

    assert [clock.sample() for _ in range(3)] == [False, False, True]
    assert abs(clock.now() - world.truth()) < timedelta(microseconds=2)


def test_samples_that_disagree_begin_the_count_anew(world: World) -> None:
    clock = world.clock()
    world.ahead += 3600
    clock.sample()
    clock.sample()
    world.ahead += 3600

    assert [clock.sample() for _ in range(3)] == [False, False, True]


def test_a_step_that_is_taken_back_at_once_costs_three_samples(world: World) -> None:
    clock = world.clock()
    world.ahead += 3600
    clock.sample()
    world.ahead -= 3600

    assert [clock.sample() for _ in range(3)] == [False, False, True]


def test_a_small_correction_is_no_step(world: World) -> None:
    clock = world.clock()
    world.ahead += 0.2

    assert clock.sample()
    assert abs(clock.now() - world.truth()) < timedelta(microseconds=2)
