from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.timing.worlds import at
from thor.timing import ManualClock, ReplayClock, SteppedClock, SystemClock


def replay(wall: ManualClock, speed: float = 60) -> ReplayClock:
    return ReplayClock(at("2013-10-07 13:00"), at("2026-01-01 12:00"), speed, timedelta(milliseconds=500), wall=wall)


def test_the_system_clock_is_aware_and_utc():
    clock = SystemClock()

    before, now, after = datetime.now(UTC), clock.now(), datetime.now(UTC)

    assert before <= now <= after
    assert now.utcoffset() == timedelta(0)
    assert clock.wall_of(now) == now


def test_a_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock(at("2024-02-29 23:59:59.999"))

    clock.advance(timedelta(milliseconds=1))

    assert clock.now() == clock.wall() == at("2024-03-01 00:00")
    clock.set(at("2024-02-29 12:00"))
    assert clock.now() == at("2024-02-29 12:00")


def test_a_replay_runs_at_its_speed_from_its_origin():
    clock = replay(ManualClock(at("2026-01-01 12:01")))

    assert clock.now() == at("2013-10-07 14:00")
    assert clock.wall() == at("2026-01-01 12:01")


def test_a_replay_knows_when_a_business_instant_happens_on_the_wall():
    clock = replay(ManualClock(at("2026-01-01 12:00")))

    assert clock.wall_of(at("2013-10-07 13:01")) == at("2026-01-01 12:00:01")


def test_a_replay_knows_how_long_a_span_of_its_time_lasts_on_the_wall():
    assert replay(ManualClock(at("2026-01-01 12:00"))).on_wall(timedelta(minutes=5)) == timedelta(seconds=5)
    assert SteppedClock(at("2026-01-01 12:00"), timedelta(seconds=1)).on_wall(timedelta(5)) == timedelta(5)


def test_two_processes_of_a_replay_agree_without_talking():
    wall = ManualClock(at("2026-01-01 12:00:03.217"))

    assert replay(wall).now() == replay(wall).now()


def test_the_next_tick_is_a_multiple_of_the_tick_strictly_later():
    clock = replay(ManualClock(at("2026-01-01 12:00")))

    assert clock.next_tick(at("2026-01-01 12:00")) == at("2026-01-01 12:00:00.5")
    assert clock.next_tick(at("2026-01-01 12:00:00.499999")) == at("2026-01-01 12:00:00.5")
    assert clock.next_tick(at("2026-01-01 12:00:00.5")) == at("2026-01-01 12:00:01")


@pytest.mark.parametrize(("speed", "tick"), [(0, 1), (-1, 1), (float("nan"), 1), (60, 0)])
def test_a_replay_that_would_stand_still_is_refused(speed: float, tick: float):
    with pytest.raises(ValueError, match=r"above 0|longer than 0"):
        ReplayClock(at("2026-01-01"), at("2026-01-01"), speed, timedelta(seconds=tick))


def test_a_stepped_clock_stands_still_however_long_the_work_takes():
    wall = ManualClock(at("2026-01-01 12:00"))
    clock = SteppedClock(at("2013-10-07 13:00"), timedelta(minutes=5), wall)

    wall.advance(timedelta(hours=3))

    assert clock.now() == at("2013-10-07 13:00")
    clock.step(at("2013-10-07 13:05"))
    assert clock.now() == at("2013-10-07 13:05")


def test_what_is_due_at_a_step_is_due_on_the_wall_now():
    wall = ManualClock(at("2026-01-01 12:00"))
    clock = SteppedClock(at("2013-10-07 13:00"), timedelta(minutes=5), wall)

    assert clock.wall_of(at("2013-10-07 12:55")) == at("2026-01-01 12:00")
    assert clock.wall_of(at("2013-10-07 13:01")) == at("2026-01-01 12:01")
    assert clock.next_tick(clock.wall()) == at("2026-01-01 12:05")


def test_a_simulation_does_not_go_back():
    clock = SteppedClock(at("2013-10-07 13:00"), timedelta(minutes=5))

    with pytest.raises(ValueError, match="cannot go back"):
        clock.step(at("2013-10-07 12:59"))
