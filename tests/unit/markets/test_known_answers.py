"""Sessions against the answer tables of exchange_calendars, and against days that everybody remembers."""

import csv
import gzip
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from thor.markets.corrections import DAYS_OF_MOURNING, REPORT_FRIDAYS
from thor.markets.sessions import sessions_of_calendar
from thor.timing.session import Session, Span

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
TOKYO = ZoneInfo("Asia/Tokyo")


Answers = Callable[[str], list[Session]]


@pytest.fixture
def answers(recordings: Path) -> Answers:
    """Give the answer table of a calendar, by its name."""

    def read(calendar: str) -> list[Session]:
        with gzip.open(recordings / "exchange_calendars" / f"{calendar.lower()}.csv.gz", "rt") as file:
            return [_answer(row) for row in csv.DictReader(file)]

    return read


def _answer(row: dict[str, str]) -> Session:
    at = {name: datetime.fromisoformat(row[name]) for name in row if row[name]}
    breaks = (Span(at["break_start"], at["break_end"]),) if "break_start" in at else ()
    return Session(at[""].date(), at["open"], at["close"], breaks)


def local(session: Session, zone: ZoneInfo) -> tuple[str, str]:
    return f"{session.open.astimezone(zone):%F %R}", f"{session.close.astimezone(zone):%F %R}"


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("calendar", "sessions"),
    [("XNYS", 8324), ("XTKS", 6613), ("XLON", 8515), ("XHKG", 8803), ("CMES", 9682), ("24/7", 366)],
)
def test_sessions_equal_the_answer_table(answers, calendar, sessions):
    expected = answers(calendar.replace("/", "-"))
    table = sessions_of_calendar(calendar)

    found = table.between(expected[0].date, expected[-1].date)

    assert found == expected
    assert len(found) == sessions
    assert table.known_until >= expected[-1].date


@pytest.mark.recordings
def test_globex_trades_on_the_dates_of_its_source_but_for_reports_and_mourning(answers):
    expected = {s.date: s.open for s in answers("CMES")}
    table = sessions_of_calendar("CMES-GLOBEX")

    found = {s.date: s.open for s in table.between(min(expected), max(expected))}

    assert {day: found[day] for day in expected} == expected
    added = found.keys() - expected.keys()
    assert sorted(added) == sorted([*REPORT_FRIDAYS, *DAYS_OF_MOURNING])


def test_tokyo_closes_half_an_hour_later_since_november_2024():
    table = sessions_of_calendar("XTKS")

    assert local(table.on(date(2024, 11, 1)), TOKYO) == ("2024-11-01 09:00", "2024-11-01 15:00")
    assert local(table.on(date(2024, 11, 5)), TOKYO) == ("2024-11-05 09:00", "2024-11-05 15:30")


def test_tokyo_and_shanghai_rest_at_noon():
    tokyo = sessions_of_calendar("XTKS").on(date(2021, 1, 14)).breaks[0]
    shanghai = sessions_of_calendar("XSHG").on(date(2026, 11, 20)).breaks[0]

    assert (tokyo.start, tokyo.end) == (utc("2021-01-14 02:30"), utc("2021-01-14 03:30"))
    assert (shanghai.start, shanghai.end) == (utc("2026-11-20 03:30"), utc("2026-11-20 05:00"))


@pytest.mark.parametrize("half_day", [date(2015, 12, 24), date(2023, 7, 3), date(2026, 11, 27)])
def test_a_half_day_in_new_york_is_one_for_every_market_derived_from_it(half_day):
    usa, early, extended = (sessions_of_calendar(name).on(half_day) for name in ("XNYS", "XNYS-PRE", "XNYS-EXTENDED"))

    assert local(usa, NEW_YORK) == (f"{half_day} 09:30", f"{half_day} 13:00")
    assert local(early, NEW_YORK) == (f"{half_day} 08:30", f"{half_day} 09:30")
    assert local(extended, NEW_YORK) == (f"{half_day} 04:00", f"{half_day} 17:00")


def test_derived_markets_trade_on_the_days_of_their_source():
    days = [s.date for s in sessions_of_calendar("XNYS").between(date(2007, 1, 1), date(2028, 12, 31))]

    for calendar in ("XNYS-PRE", "XNYS-EXTENDED"):
        table = sessions_of_calendar(calendar)
        assert [s.date for s in table.between(date(2007, 1, 1), date(2028, 12, 31))] == days


def test_new_york_keeps_its_local_hours_when_the_clocks_change():
    table = sessions_of_calendar("XNYS-EXTENDED")

    friday, monday = table.on(date(2008, 3, 7)), table.on(date(2008, 3, 10))

    assert friday.open == utc("2008-03-07 09:00")
    assert monday.open == utc("2008-03-10 08:00")
    assert local(monday, NEW_YORK) == ("2008-03-10 04:00", "2008-03-10 20:00")


def test_globex_begins_on_the_evening_before_its_date_and_halts_for_an_hour():
    table = sessions_of_calendar("CMES-GLOBEX")

    monday, tuesday = table.between(date(2026, 11, 23), date(2026, 11, 24))

    assert local(monday, CHICAGO) == ("2026-11-22 17:00", "2026-11-23 16:00")
    assert tuesday.open - monday.close == timedelta(hours=1)


def test_globex_opens_at_five_in_chicago_on_the_sundays_of_a_change_of_clocks():
    table = sessions_of_calendar("CMES-GLOBEX")

    assert table.on(date(2026, 3, 9)).open == utc("2026-03-08 22:00")
    assert table.on(date(2026, 11, 2)).open == utc("2026-11-01 23:00")


def test_crypto_is_an_endless_sequence_of_days_without_a_gap():
    sessions = sessions_of_calendar("24/7").between(date(2028, 2, 27), date(2028, 3, 2))

    assert [s.date.day for s in sessions] == [27, 28, 29, 1, 2]
    assert all(before.close == behind.open for before, behind in pairwise(sessions))


@pytest.mark.parametrize("calendar", ["XSHG", "XBOM"])
def test_sessions_beyond_the_horizon_are_provisional(calendar):
    table = sessions_of_calendar(calendar)
    last, first = table.on(table.known_until), table.known_until + timedelta(days=1)

    beyond = table.between(first, first + timedelta(days=400))

    assert last is None or not last.provisional
    assert len(beyond) > 250
    assert all(session.provisional for session in beyond)
    assert {session.date.weekday() for session in beyond} == set(range(5))


def test_a_provisional_session_has_the_usual_hours_and_the_usual_break():
    session = sessions_of_calendar("XSHG").on(date(2035, 6, 4))

    assert session.provisional
    assert (session.open, session.close) == (utc("2035-06-04 01:30"), utc("2035-06-04 07:00"))
    assert session.breaks == (Span(utc("2035-06-04 03:30"), utc("2035-06-04 05:00")),)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
