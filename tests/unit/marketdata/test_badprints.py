"""A print that nobody could have traded at is left out; a price that moved is not."""

import numpy as np
import pytest

from thor.marketdata.badprints import clean_days, clean_minutes

NAN = float("nan")


def day(opened: float, high: float, low: float, close: float, before: float, after: float) -> tuple[float, float]:
    columns = [np.array([price]) for price in (opened, high, low, close, before, after)]
    top, bottom = clean_days(*columns)
    return float(top[0]), float(bottom[0])


def minutes(before: float, *rows: tuple[float, float, float, float]) -> list[tuple[float, ...]]:
    columns = np.array(rows).T
    return list(zip(*(column.tolist() for column in clean_minutes(*columns, before)), strict=True))


def test_a_first_print_at_the_price_of_before_a_split_is_no_high():
    # Given 2014-06-09 of Apple with its extended hours: the open itself is the print.
    found = day(645.57, 645.57, 91.75, 93.70, 92.22, 94.73)

    assert found == (93.70, 91.75)


def test_a_spike_within_the_day_leaves_the_higher_of_open_and_close():
    assert day(100, 180, 99, 103, 101, 104) == (103, 99)


def test_a_drop_within_the_day_leaves_the_lower_of_open_and_close():
    assert day(100, 104, 49, 103, 101, 104) == (104, 100)


@pytest.mark.parametrize(
    "told",
    [
        (100, 190, 99, 185, 100, NAN),  # the close is beside it
        (170, 180, 90, 95, 100, NAN),  # the open is
        (100, 150, 99, 101, 100, 100),  # exactly half off is not more
        (100, 180, 99, 101, 175, 100),  # the close before is
        (100, 180, 99, 101, 100, 175),  # the open after is
        (100, 104, 50, 101, 100, 100),
    ],
)
def test_a_price_with_another_beside_it_stands(told: tuple[float, ...]):
    assert day(*told) == (told[1], told[2])


def test_prices_below_zero_are_judged_by_distance():
    # 2020-04-20, crude oil: down to -40.32, settled at -37.63.
    assert day(17.73, 17.85, -40.32, -37.63, 18.27, -14.0) == (17.85, -40.32)


def test_a_minute_loses_its_bad_print_and_keeps_its_other_prices():
    found = minutes(92.22, (645.57, 645.57, 92.40, 92.42), (92.40, 92.50, 92.30, 92.45))

    assert found == [(92.42, 92.42, 92.40, 92.42), (92.40, 92.50, 92.30, 92.45)]


def test_a_minute_that_is_nothing_but_a_bad_print_has_no_price():
    found = minutes(92.22, (645.57, 645.57, 645.57, 645.57), (92.40, 92.50, 92.30, 92.45))

    assert all(np.isnan(found[0]))


def test_a_jump_is_believed_once_the_next_minute_opens_there():
    jump = (10.0, 17.0, 10.0, 16.9)

    alone = minutes(10.0, jump)
    confirmed = minutes(10.0, jump, (16.8, 17.1, 16.5, 17.0))

    assert alone == [(10.0, 10.0, 10.0, 10.0)]
    assert confirmed == [jump, (16.8, 17.1, 16.5, 17.0)]


def test_the_minute_after_one_that_ended_with_a_bad_print_is_believed_at_once():
    found = minutes(92.0, (92.1, 645.57, 92.0, 645.57), (92.2, 92.6, 92.1, 92.5))

    assert found == [(92.1, 92.1, 92.0, 92.1), (92.2, 92.6, 92.1, 92.5)]


def test_a_bad_print_in_each_of_two_minutes_counts_in_neither():
    found = minutes(92.0, (92.1, 645.57, 92.0, 92.1), (92.2, 645.57, 92.1, 645.57), (92.2, 92.6, 92.1, 92.5))

    assert [row[1] for row in found] == [92.1, 92.2, 92.6]


def test_without_a_close_before_the_first_minute_is_believed():
    assert minutes(NAN, (645.57, 645.57, 645.57, 645.57)) == [(645.57, 645.57, 645.57, 645.57)]
