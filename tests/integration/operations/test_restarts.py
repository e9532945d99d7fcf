"""When a program that ended starts again."""

import pytest

from thor.operations.restarts import Restarts


def test_the_delay_doubles_with_each_end() -> None:
    restarts = Restarts()

    delays = [restarts.delay_after_end(at) for at in (0.0, 10.0, 20.0, 30.0)]

    assert delays == [1.0, 2.0, 4.0, 8.0]


def test_the_fifth_end_within_a_minute_is_the_last() -> None:
    restarts = Restarts()

    delays = [restarts.delay_after_end(at) for at in (0.0, 1.0, 2.0, 3.0, 59.9)]

    assert delays[-1] is None


@pytest.mark.parametrize("pause", [60.1, 3600.0])
def test_ends_a_minute_ago_are_forgotten(pause: float) -> None:
    restarts = Restarts()
    for at in (0.0, 0.1, 0.2, 0.3):
        restarts.delay_after_end(at)

    delay = restarts.delay_after_end(0.3 + pause)

    assert delay == 1.0
