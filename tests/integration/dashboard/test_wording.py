"""Instants, durations and states in words."""

from datetime import UTC, datetime, timedelta

import pytest

from thor.dashboard import wording
from thor.jobs.models import State
from thor.timing.phase import Phase

NOON = datetime(2024, 7, 9, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "now"),
        (0.9, "now"),
        (59, "00:59"),
        (3_599, "59:59"),
        (3_600, "01:00:00"),
        (86_400 * 2 + 3_723, "2 d 01:02:03"),
    ],
)
def test_a_countdown_names_only_the_units_that_it_needs(seconds: float, text: str) -> None:
    assert wording.countdown_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_440, "1.4 s"),
        (200_000, "3 min 20 s"),
        (7_500_000, "2 h 05 min"),
        (260_000_000, "3 d"),
        (-12, "-12 ms"),
        (-90_000, "-1 min 30 s"),
    ],
)
def test_a_duration_has_two_or_three_figures(milliseconds: float | None, text: str) -> None:
    assert wording.duration_text(milliseconds) == text


@pytest.mark.parametrize(
    ("at", "zone", "text"),
    [
        (NOON, "America/New_York", "08:00"),
        (NOON + timedelta(seconds=5), "America/New_York", "08:00:05"),
        (NOON + timedelta(days=1), "UTC", "Wed 12:00"),
        (NOON + timedelta(days=7), "UTC", "2024-07-16 12:00"),
        # Still Tuesday in London, already Wednesday in Tokyo.
        (datetime(2024, 7, 9, 23, 30, tzinfo=UTC), "Asia/Tokyo", "Wed 08:30"),
    ],
)
def test_an_instant_is_written_in_its_markets_time(at: datetime, zone: str, text: str) -> None:
    assert wording.local_text(at, zone, NOON) == text


def test_a_zone_without_a_name_is_written_as_an_offset() -> None:
    assert wording.zone_text(NOON, "America/Sao_Paulo") == "UTC-03"
    assert wording.zone_text(NOON, "America/New_York") == "EDT"


def test_utc_is_written_with_milliseconds_where_there_are_any() -> None:
    assert wording.utc_text(NOON) == "2024-07-09 12:00:00 UTC"
    assert wording.utc_text(NOON + timedelta(milliseconds=7)) == "2024-07-09 12:00:00.007 UTC"


def test_every_phase_and_every_state_has_a_word_and_a_sign_of_its_own() -> None:
    assert {phase.value for phase in Phase} == set(wording.PHASES)
    assert set(State.values) == set(wording.STATES)
    for marks in (wording.PHASES, wording.STATES):
        assert len({mark.word for mark in marks.values()}) == len({mark.sign for mark in marks.values()}) == len(marks)


def test_a_state_that_nobody_foresaw_is_shown_by_its_name() -> None:
    assert wording.mark_of(wording.STATES, "half_done").word == "half done"
