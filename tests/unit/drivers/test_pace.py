"""At which instants a heartbeat decides: whole multiples of the tick, a bell, an edit."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from thor.drivers.pace import Exact, Ticks

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
FAST, SLOW = timedelta(seconds=1), timedelta(seconds=60)

Tempo = Callable[[datetime], timedelta]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ticking(tempo: Tempo, fast: timedelta = FAST, slow: timedelta = SLOW) -> Ticks:
    return Ticks(tempo, fast, slow)


def opens_at(bell: datetime) -> Tempo:
    """Return what the calendar says: slow until the bell, at which a slow tick ends, fast from it on."""
    return lambda now: FAST if now >= bell else min(SLOW, bell - now)


def instants(pace: Ticks, start: datetime, number: int) -> list[float]:
    """Return the first ticks from `start` on, in seconds after noon, as a loop that never oversleeps finds them."""
    found, now = [], start
    while len(found) < number:
        if pace.is_time(now):
            found.append((now - NOON).total_seconds())
        else:
            now = pace.turn_at(None) or now
    return found


def test_exact_decides_everything_at_its_instant() -> None:
    pace = Exact()

    assert pace.is_time(at(0.3))
    assert pace.turn_at(at(7)) == at(7)
    assert pace.turn_at(None) is None


def test_the_first_tick_comes_at_once_and_the_others_at_whole_seconds() -> None:
    pace = ticking(lambda now: FAST)

    assert instants(pace, at(0.7), 4) == [0.7, 1, 2, 3]
    assert pace.ticks == 4
    assert pace.period == FAST


def test_slow_ticks_come_at_whole_minutes() -> None:
    assert instants(ticking(lambda now: SLOW), at(17.2), 4) == [17.2, 60, 120, 180]


@pytest.mark.parametrize("seconds", [0.25, 1.5, 5, 7])
def test_any_fast_tick_comes_at_its_own_multiples(seconds: float) -> None:
    fast = timedelta(seconds=seconds)
    pace = ticking(lambda now: fast, fast)

    found = instants(pace, at(0.1), 5)[1:]

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert all((at(second) - epoch) % fast == timedelta(0) for second in found)
    assert [round(after - before, 6) for before, after in pairwise(found)] == [seconds] * 3


def test_between_two_ticks_it_is_not_time() -> None:
    pace = ticking(lambda now: FAST)
    pace.is_time(at(0))

    assert not pace.is_time(at(0.999999))
    assert pace.is_time(at(1))


def test_a_loop_that_overslept_ticks_once_and_goes_on_at_the_multiples() -> None:
    pace = ticking(lambda now: FAST)
    pace.is_time(at(0))

    assert pace.is_time(at(4.2))
    assert not pace.is_time(at(4.9))
    assert pace.turn_at(None) == at(5)


@pytest.mark.parametrize("bell", [61.0, 90.0, 119.999999, 120.0, 121.0])
def test_a_slow_tick_ends_at_an_opening_and_fast_ones_follow(bell: float) -> None:
    found = instants(ticking(opens_at(at(bell))), at(60), 6)

    assert bell in found
    after = [second for second in found if second > bell]
    assert after[0] - bell <= 1
    assert all(second == int(second) for second in after)


def test_a_bell_exactly_one_fast_tick_away_is_not_passed_over() -> None:
    pace = ticking(opens_at(at(60.5)))

    assert instants(pace, at(59.5), 3) == [59.5, 60, 60.5]


def test_a_window_before_the_opening_is_awaited_as_the_opening_is() -> None:
    pre_open, bell = at(90), at(150)
    pace = ticking(lambda now: min([SLOW, *(one - now for one in (pre_open, bell) if one > now)]))

    assert instants(pace, at(61), 5) == [61, 90, 120, 150, 180]


def test_closing_makes_the_ticks_slow() -> None:
    pace = ticking(lambda now: FAST if now < at(2) else SLOW)

    assert instants(pace, at(0), 5) == [0, 1, 2, 60, 120]


def test_an_edit_ends_a_tick_and_the_next_are_where_they_were() -> None:
    pace = ticking(lambda now: SLOW)
    pace.is_time(at(0))

    pace.hurry()

    asked = pace.turn_at(None)
    assert asked is not None
    assert asked < at(17.3)
    assert pace.is_time(at(17.3))
    assert pace.turn_at(None) == at(60)


def test_a_tempo_that_raises_costs_no_tick() -> None:
    answers: list[Exception | timedelta] = [OSError("the database is away"), FAST]

    def tempo(now: datetime) -> timedelta:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    pace = ticking(tempo)
    with pytest.raises(OSError, match="away"):
        pace.is_time(at(0))

    assert pace.is_time(at(0.5))
    assert pace.ticks == 1


def test_a_clock_that_is_set_back_does_not_stop_the_ticks() -> None:
    pace = ticking(lambda now: SLOW)
    pace.is_time(at(3600))

    assert pace.is_time(at(0))
    assert pace.turn_at(None) == at(60)


def test_fast_and_slow_may_be_the_same() -> None:
    five = timedelta(seconds=5)

    assert instants(ticking(lambda now: five, five, five), at(1), 3) == [1, 5, 10]
