"""What Thor corrects in the library: Globex' halts and short days, Mexico's clock, Bombay's Saturdays."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from thor.markets import build, corrections, store
from thor.markets.columns import Row, local_minutes
from thor.markets.corrections import CHANGES, corrected, observed_juneteenth, without_halt
from thor.markets.sessions import sessions_of_calendar

CHICAGO = ZoneInfo("America/Chicago")
MEXICO = ZoneInfo("America/Mexico_City")
KOLKATA = ZoneInfo("Asia/Kolkata")


def hours(calendar: str, day: str, zone: ZoneInfo) -> str:
    """Return a session as a person writes it down: 17:00-16:00, with its break in brackets."""
    session = sessions_of_calendar(calendar).on(date.fromisoformat(day))
    if session is None:
        return "closed"
    pauses = "".join(f" ({p.start.astimezone(zone):%H:%M}-{p.end.astimezone(zone):%H:%M})" for p in session.breaks)
    return f"{session.open.astimezone(zone):%H:%M}-{session.close.astimezone(zone):%H:%M}{pauses}"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2012-11-16", "17:00-16:00"),  # before what was looked up
        ("2012-11-19", "17:00-16:15 (15:15-15:30)"),
        ("2015-09-18", "17:00-16:15 (15:15-15:30)"),
        ("2015-09-21", "17:00-16:00 (15:15-15:30)"),
        ("2021-06-25", "17:00-16:00 (15:15-15:30)"),
        ("2021-06-28", "17:00-16:00"),
        ("2026-11-23", "17:00-16:00"),
    ],
)
def test_the_hours_of_globex_changed_three_times(day, expected):
    assert hours("CMES-GLOBEX", day, CHICAGO) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2014-02-17", "17:00-10:30"),
        ("2014-05-26", "17:00-12:00"),
        ("2026-01-19", "17:00-12:00"),  # Martin Luther King
        ("2026-02-16", "17:00-12:00"),  # Presidents
        ("2026-05-25", "17:00-12:00"),  # Memorial Day
        ("2026-06-19", "17:00-12:00"),  # Juneteenth
        ("2026-07-03", "17:00-12:00"),  # Independence Day, kept on the Friday
        ("2025-07-03", "17:00-12:15"),
        ("2025-07-04", "17:00-12:00"),
        ("2026-09-07", "17:00-12:00"),  # Labor Day
        ("2026-11-26", "17:00-12:00"),  # Thanksgiving
        ("2026-11-27", "17:00-12:15"),
        ("2026-12-24", "17:00-12:15"),
        ("2026-12-25", "closed"),
        ("2027-01-01", "closed"),
        ("2026-04-03", "17:00-08:15"),  # Good Friday with an employment report
        ("2027-03-26", "closed"),  # Good Friday without
        ("2018-12-05", "17:00-08:30"),
        ("2025-01-09", "17:00-08:30"),
    ],
)
def test_the_short_days_of_globex(day, expected):
    assert hours("CMES-GLOBEX", day, CHICAGO) == expected


def test_globex_closes_a_quarter_past_noon_on_the_half_days_of_new_york_and_earlier_on_its_holidays():
    first, last = date(2012, 11, 19), date(2028, 12, 31)
    new_york = {s.date: s.close.astimezone(CHICAGO) for s in sessions_of_calendar("XNYS").between(first, last)}
    globex = sessions_of_calendar("CMES-GLOBEX").between(first, last)

    closes = {s.date: f"{s.close.astimezone(CHICAGO):%H:%M}" for s in globex}
    half = {closes[day] for day, close in new_york.items() if close.hour == 12}
    full = {closes[day] for day, close in new_york.items() if close.hour == 15}
    shut = {closes[day] for day in closes.keys() - new_york.keys()}

    assert half == {"12:15"}
    assert full == {"16:00", "16:15"}
    assert shut == {"12:00", "10:30", "08:15", "08:30"}
    assert new_york.keys() <= closes.keys()


@pytest.mark.parametrize(("close", "expected"), [(660, 660), (870, 870), (918, 918), (959, 959), (1020, 960)])
def test_a_close_that_somebody_entered_for_the_whole_exchange_is_kept(close, expected):
    day = date(2016, 3, 1).toordinal()

    row = without_halt(Row(day, local_minutes(day, -420, CHICAGO), local_minutes(day, close, CHICAGO)), CHICAGO)

    halted = local_minutes(day, 915, CHICAGO), local_minutes(day, 930, CHICAGO)
    assert row.close == local_minutes(day, expected, CHICAGO)
    assert (row.break_start, row.break_end) == (halted if expected > 930 else (0, 0))


def test_the_whole_exchange_closes_at_noon_on_juneteenth_as_its_own_table_says():
    assert hours("CMES", "2021-06-18", CHICAGO) == "17:00-17:00"
    assert hours("CMES", "2022-06-20", CHICAGO) == "17:00-12:00"
    assert hours("CMES", "2028-06-19", CHICAGO) == "17:00-12:00"


@pytest.mark.parametrize(("year", "kept"), [(2022, "06-20"), (2026, "06-19"), (2027, "06-18"), (2033, "06-20")])
def test_juneteenth_is_kept_on_a_weekday(year, kept):
    assert observed_juneteenth(year) == date.fromisoformat(f"{year}-{kept}")


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2014-12-31", "08:30-15:00"),
        ("2022-03-14", "07:30-14:00"),  # the United States had changed their clocks, Mexico had not yet
        ("2022-07-01", "08:30-15:00"),
        ("2023-03-10", "08:30-15:00"),
        ("2023-03-13", "07:30-14:00"),
        ("2025-10-31", "07:30-14:00"),
        ("2025-11-03", "08:30-15:00"),
        ("2024-10-01", "closed"),
        ("2024-09-30", "07:30-14:00"),
    ],
)
def test_mexico_keeps_the_hours_of_new_york(day, expected):
    assert hours("XMEX", day, MEXICO) == expected


def test_provisional_sessions_of_mexico_keep_them_too():
    table = sessions_of_calendar("XMEX")
    year = table.known_until.year + 2

    july = next(s for s in table.between(date(year, 7, 3), date(year, 7, 10)))
    december = next(s for s in table.between(date(year, 12, 1), date(year, 12, 10)))
    assert july.provisional
    assert f"{july.open.astimezone(MEXICO):%H:%M}" == "07:30"
    assert f"{december.open.astimezone(MEXICO):%H:%M}" == "08:30"


@pytest.mark.parametrize("day", ["2015-02-28", "2020-02-01", "2024-01-20", "2025-02-01", "2026-02-01"])
def test_bombay_traded_on_some_days_of_the_weekend(day):
    assert date.fromisoformat(day).weekday() >= 5
    assert hours("XBOM", day, KOLKATA) == "09:15-15:30"


def test_a_special_weekend_does_not_become_a_habit():
    table = sessions_of_calendar("XBOM")

    assert [table.trades_on(weekday) for weekday in range(7)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("calendar", "zone", "opens", "closes"),
    [("XSHG", "Asia/Shanghai", "09:30", "15:00"), ("XBOM", "Asia/Kolkata", "09:15", "15:30")],
)
def test_the_year_after_the_horizon_has_the_usual_hours_where_clocks_never_change(calendar, zone, opens, closes):
    table = sessions_of_calendar(calendar)
    first = table.known_until + timedelta(days=1)

    year = table.between(first, first + timedelta(days=364))

    assert len(year) == sum((first + timedelta(days=n)).weekday() < 5 for n in range(365))
    assert all(s.provisional for s in year)
    place = ZoneInfo(zone)
    assert {f"{s.open.astimezone(place):%H:%M}" for s in year} == {opens}
    assert {f"{s.close.astimezone(place):%H:%M}" for s in year} == {closes}


def test_every_change_names_its_source_and_lies_on_another_date():
    for changes in CHANGES.values():
        assert all(change.source for change in changes)
        assert len({change.date for change in changes}) == len(changes)


def test_a_change_that_the_library_has_learnt_by_itself_does_no_harm():
    day = date(2022, 6, 20)
    ordinal = day.toordinal()
    early = Row(ordinal, local_minutes(ordinal, -420, CHICAGO), local_minutes(ordinal, 660, CHICAGO))

    assert list(corrected("CMES", [early], CHICAGO)) == [early]
    assert list(corrected("CMES", [], CHICAGO)) == []


def test_a_file_of_other_rules_is_not_read(monkeypatch, tmp_path):
    before = store.folder()
    for name in build.RULES:
        (tmp_path / f"{name}.py").write_text("")

    build.folder_name.cache_clear()
    monkeypatch.setattr(build, "__file__", str(tmp_path / "build.py"))
    after = store.folder()
    build.folder_name.cache_clear()

    assert after != before
    assert after.parent == before.parent
    assert corrections.__name__.rpartition(".")[2] in build.RULES


def test_the_halt_is_a_break_and_not_a_second_session():
    table = sessions_of_calendar("CMES-GLOBEX")
    halted = datetime(2013, 10, 7, 15, 20, tzinfo=CHICAGO)

    assert not table.is_open(halted)
    assert table.is_open(halted + timedelta(minutes=10))
    assert len(table.between(date(2013, 10, 7), date(2013, 10, 7))) == 1
