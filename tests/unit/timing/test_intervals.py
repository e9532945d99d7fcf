from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.timing.worlds import at, utc, utc_moments
from thor.timing import BadCadence, Cadence, Cron, Every, Once, OncePerSession

instants = utc_moments(utc(1960, 1, 1), utc(2100, 1, 1))
periods = st.timedeltas(timedelta(microseconds=1), timedelta(days=40))


def every(period: timedelta, anchor: datetime = datetime(1970, 1, 1, tzinfo=UTC)) -> Every:
    return Every(seconds=period.seconds, days=period.days, microseconds=period.microseconds, anchor=anchor)


def test_a_minute_falls_on_the_minute():
    minute = Every(minutes=1)

    assert minute.next_after(at("2024-02-29 23:59:59.999")) == at("2024-03-01 00:00")
    assert minute.next_after(at("2024-03-01 00:00")) == at("2024-03-01 00:01")
    assert minute.last_at_or_before(at("2024-03-01 00:00")) == at("2024-03-01 00:00")


def test_an_anchor_moves_the_grid():
    hourly = Every(hours=1, anchor=at("2026-01-01 00:20"))

    assert hourly.next_after(at("2026-06-30 12:00")) == at("2026-06-30 12:20")


def test_a_year_of_seconds_is_counted_and_not_walked():
    assert Every(seconds=1).count(at("2024-01-01"), at("2025-01-01")) == 366 * 86_400


def test_the_end_of_the_calendar_has_no_next_slot():
    assert Every(days=1).next_after(datetime.max.replace(tzinfo=UTC)) is None
    assert Every(days=400_000).last_at_or_before(datetime.min.replace(tzinfo=UTC)) is None


@given(periods, instants, instants)
def test_every_slot_lies_on_the_grid_and_no_closer_one_exists(period, t, anchor):
    grid = every(period, anchor)

    after, before = grid.next_after(t), grid.last_at_or_before(t)

    assert before <= t < after
    assert after - before == period
    assert (after - anchor) % period == timedelta(0)


@given(periods, instants, st.integers(0, 40))
def test_a_grid_never_drifts_however_often_it_is_asked(period, t, times):
    grid = every(period)
    first = grid.next_after(t)

    slot = first
    for _ in range(times):
        slot = grid.next_after(slot)

    assert slot == first + times * period
    assert grid.count(t, slot) == times + 1


@given(periods, instants, instants, instants)
def test_counts_of_parts_add_up(period, a, b, c):
    a, b, c = sorted((a, b, c))
    grid = every(period)

    assert grid.count(a, c) == grid.count(a, b) + grid.count(b, c)
    assert grid.count(c, a) == 0


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_period_that_is_no_period_is_refused(seconds):
    with pytest.raises(BadCadence, match="longer than 0"):
        Every(seconds=seconds)


def test_once_has_one_instant():
    once = Once(at("2026-11-27 14:30"))

    assert once.next_after(at("2026-11-27 14:29:59.999999")) == once.at
    assert once.next_after(once.at) is None
    assert once.last_at_or_before(once.at) == once.at
    assert once.last_at_or_before(at("2026-11-27 14:29")) is None
    assert once.count(at("2026-11-27 14:29"), once.at) == 1
    assert once.count(once.at, at("2026-11-28")) == 0


def test_once_a_session_leaves_its_instants_to_the_window():
    cadence = OncePerSession()

    assert cadence.next_after(at("2026-01-01")) is None
    assert cadence.last_at_or_before(at("2026-01-01")) is None
    assert cadence.count(at("2026-01-01"), at("2027-01-01")) == 0


@pytest.mark.parametrize(
    ("cadence", "text"),
    [
        (Every(seconds=1), "every 1 s"),
        (Every(seconds=90), "every 90 s"),
        (Every(minutes=20), "every 20 min"),
        (Every(hours=24), "every 1 d"),
        (Every(milliseconds=250), "every 250 ms"),
        (OncePerSession(), "once a session"),
        (Once(at("2026-11-27 14:30")), "once at 2026-11-27 14:30:00 UTC"),
        (Cron("30", "9", day_of_week="1-5", zone="America/New_York"), "30 9 * * 1-5 America/New_York"),
    ],
)
def test_a_cadence_says_what_it_is(cadence: Cadence, text: str):
    assert cadence.text() == text
