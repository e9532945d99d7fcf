"""The period of the heartbeat at nasty instants: slow never means late."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.markets import tempo
from thor.markets.box import BOX
from thor.markets.overrides import DayOverride, overridden
from thor.markets.sessions import sessions_of_calendar
from thor.markets.tempo import FAST, SLOW, heartbeat_period, period_of
from thor.timing.phase import PRE_OPEN

MOMENT = timedelta(microseconds=1)
CALENDARS = ("XNYS", "XTKS", "XSHG", "XETR", "CMES-GLOBEX")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def period(at: str, *calendars: str) -> timedelta:
    return period_of([sessions_of_calendar(calendar) for calendar in calendars], utc(at))


@pytest.mark.parametrize(
    ("at", "calendar", "wanted"),
    [
        ("2026-11-20 20:59:59.999999", "XNYS", FAST),  # Friday, New York's last moment
        ("2026-11-20 21:00:00", "XNYS", SLOW),
        ("2026-11-22 12:00:00", "XNYS", SLOW),  # Sunday
        ("2026-11-22 21:58:59", "CMES-GLOBEX", SLOW),  # Sunday evening, 17:00 in Chicago is 23:00 in UTC
        ("2026-11-22 21:59:20", "CMES-GLOBEX", timedelta(seconds=40)),  # the hour before it begins
        ("2026-11-22 22:59:20", "CMES-GLOBEX", timedelta(seconds=40)),
        ("2026-11-22 22:59:59.999999", "CMES-GLOBEX", MOMENT),
        ("2026-11-22 23:00:00", "CMES-GLOBEX", FAST),
        ("2026-03-06 14:29:30", "XNYS", timedelta(seconds=30)),  # the Friday before the clocks change
        ("2026-03-09 13:29:30", "XNYS", timedelta(seconds=30)),  # the Monday after: an hour earlier in UTC
        ("2026-03-09 12:29:59", "XNYS", timedelta(seconds=1)),
        ("2026-03-09 14:29:30", "XNYS", FAST),
        ("2026-10-26 07:59:30", "XETR", timedelta(seconds=30)),  # Berlin's clocks have gone back, New York's have not
        ("2026-11-20 02:30:00", "XTKS", SLOW),  # lunch in Tokyo
        ("2026-11-20 03:29:45", "XTKS", timedelta(seconds=15)),
        ("2026-11-26 14:29:30", "XNYS", SLOW),  # Thanksgiving: no open to be late for
        ("2026-11-27 17:59:59", "XNYS", FAST),
        ("2026-11-27 18:00:00", "XNYS", SLOW),  # half day
        ("2026-11-21 12:00:00", "24/7", FAST),
    ],
)
def test_the_period_at_nasty_instants(at: str, calendar: str, wanted: timedelta) -> None:
    assert period(at, calendar) == wanted


def test_a_market_around_the_clock_that_an_override_closed_is_awaited() -> None:
    always = sessions_of_calendar("24/7")
    closed = DayOverride(date(2026, 11, 20), closed=True, reason="outage")
    columns, _ = overridden(always.columns_beyond(closed.date), [closed])
    crypto = always.with_overrides(columns, {closed.date: closed})

    assert period_of([crypto], utc("2026-11-20 12:00:00")) == SLOW
    assert period_of([crypto], utc("2026-11-20 23:59:30")) == timedelta(seconds=30)
    assert period_of([crypto], utc("2026-11-21 00:00:00")) == FAST


def test_whoever_comes_first_counts_and_one_open_market_is_enough() -> None:
    assert period("2026-11-20 13:29:50", "XNYS", "XTKS") == timedelta(seconds=10)
    assert period("2026-11-20 13:29:50", "XTKS") == SLOW
    assert period("2026-11-20 13:29:50", "XNYS", "XTKS", "24/7") == FAST
    assert period("2026-11-20 13:29:50") == SLOW


@settings(deadline=None, max_examples=300)
@given(
    at=st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1)).map(lambda at: utc(at.isoformat())),  # noqa: DTZ001
    calendars=st.sets(st.sampled_from(CALENDARS), min_size=1),
)
def test_no_opening_and_no_pre_open_window_is_slept_through(at: datetime, calendars: set[str]) -> None:
    tables = [sessions_of_calendar(calendar) for calendar in sorted(calendars)]
    found = period_of(tables, at)

    assert timedelta(0) < found <= SLOW
    if found == FAST and any(table.is_open(at) for table in tables):
        return
    for table in tables:
        for session in table.around(at, at + SLOW + PRE_OPEN):
            begins = [session.open, *(pause.end for pause in session.breaks)]
            assert not any(at < begin < at + found for begin in begins)
            early = session.open - PRE_OPEN
            assert not at < early < at + found or any(other.close > early for other in table.around(early, early)[:1])


@settings(deadline=None, max_examples=20)
@given(day=st.dates(date(2026, 1, 1), date(2026, 12, 31)), start=st.integers(0, 59))
def test_a_heartbeat_that_keeps_to_it_beats_at_every_open(day: date, start: int) -> None:
    session = sessions_of_calendar("XTKS").on(day)
    if session is None:
        return
    at, beats = session.open - timedelta(minutes=65, seconds=start), []
    while at <= session.open:
        beats.append(at)
        at += period_of([sessions_of_calendar("XTKS")], at)

    assert session.open in beats
    assert session.open - PRE_OPEN in beats
    assert len(beats) < 70


@pytest.mark.parametrize(
    ("venues", "wanted"),
    [(None, FAST), ([], SLOW), (["globex"], SLOW), (["globex", "crypto"], FAST), (["moon"], SLOW)],
)
def test_only_venues_with_an_active_instrument_count(
    monkeypatch: pytest.MonkeyPatch, venues: list[str] | None, wanted: timedelta
) -> None:
    rows = [(boxed.row(1), sessions_of_calendar(boxed.calendar)) for boxed in BOX]
    monkeypatch.setattr(tempo, "active_tables", lambda: iter(rows))

    assert heartbeat_period(utc("2026-11-21 12:00:00"), venues) == wanted


def test_control_markets_count_whatever_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(boxed.row(1), sessions_of_calendar(boxed.calendar)) for boxed in BOX]
    monkeypatch.setattr(tempo, "active_tables", lambda: iter(rows))

    assert heartbeat_period(utc("2026-11-20 15:00:00"), []) == FAST
