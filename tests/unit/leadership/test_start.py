"""When a reign starts the system: after five minutes in which nobody led, by the stamps of all seats."""

from datetime import UTC, datetime, timedelta

import pytest

from thor.leadership.start import is_start

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize("stamps", [[], [None], [None, None]])
def test_the_first_reign_ever_starts_the_system(stamps: list[None]) -> None:
    assert is_start(stamps, NOW)


@pytest.mark.parametrize(
    ("ago", "starts"),
    [
        (timedelta(0), False),
        (timedelta(seconds=1.5), False),
        (FIVE - MICROSECOND, False),
        (FIVE, True),
        (timedelta(days=3), True),
    ],
)
def test_five_minutes_without_a_leader_start_the_system(ago: timedelta, starts: bool) -> None:
    assert is_start([NOW - ago], NOW) is starts


def test_whichever_seat_led_last_counts() -> None:
    assert not is_start([NOW - timedelta(hours=1), NOW - timedelta(seconds=2)], NOW)
    assert not is_start([NOW - timedelta(seconds=2), None], NOW)


@pytest.mark.parametrize(("ahead", "starts"), [(timedelta(seconds=3), False), (FIVE, True), (timedelta(days=1), True)])
def test_a_clock_that_was_set_back_far_proves_nothing(ahead: timedelta, starts: bool) -> None:
    assert is_start([NOW + ahead], NOW) is starts
