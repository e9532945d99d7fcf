from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.timing.worlds import (
    CRYPTO_TABLE,
    GLOBEX_TABLE,
    NEW_YORK_TABLE,
    TOKYO_TABLE,
    Table,
    at,
    utc,
    utc_moments,
)
from thor.timing import Phase, Session, phase_spans

TABLES = [NEW_YORK_TABLE, TOKYO_TABLE, GLOBEX_TABLE, CRYPTO_TABLE]


def phase_at(table: Table, t: datetime) -> Phase | None:
    held = [span.phase for span in phase_spans(table, t, t) if span.start <= t < span.end]
    assert len(held) <= 1
    return held[0] if held else None


def named_by_hand(table: Table, t: datetime) -> Phase | None:
    """The precedence of phases, word by word, without cleverness."""
    for session in table.sessions:
        if any(span.contains(t) for span in session.trading_spans()):
            return Phase.pre_close if t >= session.close - timedelta(minutes=15) else Phase.open
    if any(session.open <= t < session.close for session in table.sessions):
        return Phase.break_
    if any(session.open - timedelta(minutes=60) <= t < session.open for session in table.sessions):
        return Phase.pre_open
    if any(session.close <= t < session.close + timedelta(hours=4) for session in table.sessions):
        return Phase.post_close
    return None


def narrow(table: Table, t: datetime) -> Table:
    return Table(table.around(t - timedelta(days=2), t + timedelta(days=2)))


@given(
    st.sampled_from(TABLES),
    utc_moments(utc(2026, 3, 1), utc(2026, 12, 1)),
)
def test_the_phase_of_any_instant_is_the_one_that_takes_precedence(table: Table, t: datetime):
    assert phase_at(table, t) == named_by_hand(narrow(table, t), t)


def test_a_day_with_a_lunch_break_has_all_its_phases():
    spans = phase_spans(TOKYO_TABLE, at("2026-11-04 23:00"), at("2026-11-05 12:00"))

    assert [(span.phase.value, f"{span.start:%H:%M}", f"{span.end:%H:%M}") for span in spans] == [
        ("pre_open", "23:00", "00:00"),
        ("open", "00:00", "02:30"),
        ("break", "02:30", "03:30"),
        ("open", "03:30", "06:15"),
        ("pre_close", "06:15", "06:30"),
        ("post_close", "06:30", "10:30"),
    ]


def test_a_half_day_moves_the_phases_with_the_close():
    assert phase_at(NEW_YORK_TABLE, at("2026-11-27 17:45")) is Phase.pre_close
    assert phase_at(NEW_YORK_TABLE, at("2026-11-27 18:00")) is Phase.post_close
    assert phase_at(NEW_YORK_TABLE, at("2026-11-27 21:59:59.999")) is Phase.post_close
    assert phase_at(NEW_YORK_TABLE, at("2026-11-27 22:00")) is None


@pytest.mark.parametrize(("day", "hour"), [("2026-03-06", 14), ("2026-03-09", 13), ("2026-11-02", 14)])
def test_the_open_follows_the_clocks_of_new_york(day: str, hour: int):
    bell = at(f"{day} {hour}:30")

    assert phase_at(NEW_YORK_TABLE, bell - timedelta(microseconds=1)) is Phase.pre_open
    assert phase_at(NEW_YORK_TABLE, bell) is Phase.open


def test_a_market_around_the_clock_is_never_before_its_open_nor_after_its_close():
    spans = phase_spans(CRYPTO_TABLE, at("2026-03-01"), at("2026-04-01"))

    assert {span.phase for span in spans} == {Phase.open, Phase.pre_close}


def test_a_session_shorter_than_the_last_call_is_all_pre_close():
    tiny = Table([Session(date(2026, 3, 2), at("2026-03-02 10:00"), at("2026-03-02 10:10"))])

    spans = phase_spans(tiny, at("2026-03-02 10:00"), at("2026-03-02 10:09"))

    assert [span.phase for span in spans if span.start == at("2026-03-02 10:00")] == [Phase.pre_close]
    assert Phase.open not in {span.phase for span in spans}


def test_a_longer_post_close_is_the_markets_own():
    spans = phase_spans(NEW_YORK_TABLE, at("2026-03-02 21:00"), at("2026-03-02 21:00"), post_close=timedelta(hours=6))

    assert spans[-1].end == at("2026-03-03 03:00")
