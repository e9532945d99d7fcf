"""Phases, holidays and bells, at the instants where they change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from thor.markets.phases import bells, is_holiday, last_bells, next_change, phase_at
from thor.markets.sessions import sessions_of_calendar
from thor.timing.phase import Phase

MOMENT = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        ("2026-11-27 13:29:59.999999", Phase.closed),
        ("2026-11-27 13:30:00", Phase.pre_open),
        ("2026-11-27 14:30:00", Phase.open),
        ("2026-11-27 17:44:59.999999", Phase.open),
        ("2026-11-27 17:45:00", Phase.pre_close),
        ("2026-11-27 18:00:00", Phase.post_close),
        ("2026-11-27 22:00:00", Phase.closed),
        ("2026-11-28 15:00:00", Phase.closed),
        ("2026-11-26 15:00:00", Phase.holiday),
    ],
)
def test_phases_of_new_york_on_the_half_day_after_thanksgiving(at, phase):
    assert phase_at(sessions_of_calendar("XNYS"), utc(at)).phase == phase


def test_lunch_in_tokyo_is_a_break_and_belongs_to_its_session():
    now = phase_at(sessions_of_calendar("XTKS"), utc("2026-11-20 02:30:00"))

    assert (now.phase, now.session_date) == (Phase.break_, date(2026, 11, 20))


def test_a_weekend_is_no_holiday_and_a_holiday_lasts_its_local_day():
    tokyo = sessions_of_calendar("XTKS")

    assert not is_holiday(tokyo, utc("2026-11-22 14:59:59"))
    assert is_holiday(tokyo, utc("2026-11-22 15:00:00"))
    assert is_holiday(tokyo, utc("2026-11-23 14:59:59"))
    assert not is_holiday(tokyo, utc("2026-11-23 15:00:00"))


def test_crypto_has_one_phase_and_no_bells():
    crypto = sessions_of_calendar("24/7")
    midnight = utc("2026-11-21 00:00:00")

    assert phase_at(crypto, midnight - MOMENT).phase == Phase.open
    assert phase_at(crypto, midnight - MOMENT).session_date == date(2026, 11, 20)
    assert phase_at(crypto, midnight).session_date == date(2026, 11, 21)
    assert bells(crypto, midnight - timedelta(days=3), midnight) == []
    assert next_change(crypto, midnight) is None
    assert last_bells(crypto, midnight) == []


def test_a_day_in_tokyo_rings_twice_and_changes_its_phase_eight_times():
    tokyo = sessions_of_calendar("XTKS")

    rung = bells(tokyo, utc("2026-11-19 15:00:00"), utc("2026-11-20 15:00:00"))

    assert [(f"{bell.at:%R}", bell.kind, str(bell.phase)) for bell in rung] == [
        ("23:00", "phase", "pre_open"),
        ("00:00", "opened", "open"),
        ("00:00", "phase", "open"),
        ("02:30", "phase", "break"),
        ("03:30", "phase", "open"),
        ("06:15", "phase", "pre_close"),
        ("06:30", "closed", "closed"),
        ("06:30", "phase", "post_close"),
        ("10:30", "phase", "closed"),
    ]
    assert {bell.session_date for bell in rung} == {date(2026, 11, 20)}


def test_bells_of_adjoining_stretches_are_the_bells_of_the_whole():
    globex = sessions_of_calendar("CMES-GLOBEX")
    marks = [utc("2026-11-20 00:00:00") + timedelta(minutes=37 * n) for n in range(400)]

    parts = [bell for after, until in pairwise(marks) for bell in bells(globex, after, until)]

    assert parts == bells(globex, marks[0], marks[-1])


@pytest.mark.parametrize("calendar", ["XTKS", "XSHG", "XNYS", "XNYS-PRE", "XNYS-EXTENDED", "CMES-GLOBEX"])
def test_the_next_change_is_the_first_bell(calendar):
    table = sessions_of_calendar(calendar)
    at, end = utc("2026-12-30 00:00:00"), utc("2027-01-06 00:00:00")

    walked = []
    while (at := next_change(table, at)) <= end:
        walked.append(at)

    expected = sorted({bell.at for bell in bells(table, utc("2026-12-30 00:00:00"), end)})
    assert walked == expected


def test_the_phase_begun_at_each_change_is_the_phase_then():
    globex = sessions_of_calendar("CMES-GLOBEX")

    changes = [b for b in bells(globex, utc("2026-11-20 00:00:00"), utc("2026-12-02 00:00:00")) if b.kind == "phase"]

    for change in changes:
        now = phase_at(globex, change.at)
        assert now.phase == change.phase or {now.phase, change.phase} == {Phase.holiday, Phase.closed}


def test_the_last_bells_after_a_long_holiday_are_those_before_it():
    shanghai = sessions_of_calendar("XSHG")
    golden_week = datetime(2025, 10, 6, 3, tzinfo=UTC)

    opened, closed = last_bells(shanghai, golden_week)

    assert (opened.kind, closed.kind) == ("opened", "closed")
    assert opened.session_date == closed.session_date == date(2025, 9, 30)


def test_the_last_bells_of_an_open_market_end_with_its_open():
    new_york = sessions_of_calendar("XNYS")

    closed, opened = last_bells(new_york, utc("2026-11-20 14:30:00"))

    assert (closed.session_date, opened.session_date) == (date(2026, 11, 19), date(2026, 11, 20))
    assert opened.at == utc("2026-11-20 14:30:00")
