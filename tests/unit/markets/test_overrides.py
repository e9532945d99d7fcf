"""What overrides do to the columns of a calendar: closures, early closes, late opens, sessions of their own."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.markets.calendars import DERIVED
from thor.markets.columns import columns_of
from thor.markets.overrides import DayOverride, VoidOverride, fault, followed, overridden, under
from thor.markets.phases import bells, phase_at
from thor.markets.sessions import sessions_of_calendar
from thor.markets.table import SessionTable
from thor.markets.verdict import verdict
from thor.timing import parse_window
from thor.timing.phase import Phase

NEW_YORK, TOKYO, CHICAGO = "America/New_York", "Asia/Tokyo", "America/Chicago"
MOMENT = timedelta(microseconds=1)
MONDAY = date(2026, 11, 30)


def at(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def table_with(calendar: str, *overrides: DayOverride) -> SessionTable:
    table = sessions_of_calendar(calendar)
    columns, voids = overridden(table.columns_beyond(max(one.date for one in overrides)), overrides)
    assert voids == {}
    return table.with_overrides(columns, {one.date: one for one in overrides})


def derived_table(calendar: str, *overrides: DayOverride) -> SessionTable:
    derived, table = DERIVED[calendar], sessions_of_calendar(calendar)
    last = max(one.date for one in overrides)
    source = sessions_of_calendar(derived.source).columns_beyond(last)
    columns, _ = followed(table.columns_beyond(last), source, derived, overrides)
    return table.with_overrides(columns, {one.date: one for one in overrides})


def test_an_early_close_moves_the_close_of_that_day_and_its_windows_alone():
    usual = sessions_of_calendar("XNYS")
    table = table_with("XNYS", DayOverride(MONDAY, close=time(13), reason="mourning", zone=NEW_YORK))

    session = table.on(MONDAY)
    spans = parse_window("between close-25m and close").spans(table, session.open, session.close)

    assert (session.open, session.close) == (usual.on(MONDAY).open, at(NEW_YORK, "2026-11-30 13:00"))
    assert [(span.start, span.end) for span in spans] == [(session.close - timedelta(minutes=25), session.close)]
    assert table.is_open(session.close - MOMENT)
    assert not table.is_open(session.close)
    assert table.between(date(2026, 11, 1), date(2026, 11, 29)) == usual.between(date(2026, 11, 1), date(2026, 11, 29))
    assert table.between(date(2026, 12, 1), date(2028, 1, 1)) == usual.between(date(2026, 12, 1), date(2028, 1, 1))


def test_a_closure_takes_the_session_away_and_makes_a_holiday():
    table = table_with("XNYS", DayOverride(MONDAY, closed=True, reason="mourning"))
    noon = at(NEW_YORK, "2026-11-30 12:00")

    assert table.on(MONDAY) is None
    assert not table.is_open(noon)
    assert phase_at(table, noon).phase == Phase.holiday
    assert not [
        bell for bell in bells(table, noon - timedelta(hours=10), noon + timedelta(hours=8)) if bell.kind != "phase"
    ]


def test_a_late_open_keeps_the_close():
    table = table_with("XNYS", DayOverride(MONDAY, open=time(11), reason="storm", zone=NEW_YORK))

    assert table.on(MONDAY).open == at(NEW_YORK, "2026-11-30 11:00")
    assert table.on(MONDAY).close == sessions_of_calendar("XNYS").on(MONDAY).close
    assert not table.is_open(at(NEW_YORK, "2026-11-30 10:59:59"))


def test_open_and_close_make_a_session_on_a_saturday():
    saturday = date(2026, 12, 5)
    table = table_with("XBOM", DayOverride(saturday, open=time(9, 15), close=time(12, 30), zone="Asia/Kolkata"))

    assert table.on(saturday).open == at("Asia/Kolkata", "2026-12-05 09:15")
    assert table.is_open(at("Asia/Kolkata", "2026-12-05 12:29"))
    assert not table.is_open(at("Asia/Kolkata", "2026-12-05 12:30"))


def test_tokyo_drops_the_break_that_lies_behind_an_early_close_and_cuts_one_that_holds_it():
    morning = table_with("XTKS", DayOverride(MONDAY, close=time(11), zone=TOKYO)).on(MONDAY)
    noon = table_with("XTKS", DayOverride(MONDAY, close=time(12), zone=TOKYO))

    assert (morning.close, morning.breaks) == (at(TOKYO, "2026-11-30 11:00"), ())
    pause = noon.on(MONDAY).breaks[0]
    assert (pause.start, pause.end) == (at(TOKYO, "2026-11-30 11:30"), at(TOKYO, "2026-11-30 12:00"))
    assert noon.is_open(at(TOKYO, "2026-11-30 11:29"))
    assert not noon.is_open(at(TOKYO, "2026-11-30 11:45"))
    assert not noon.is_open(at(TOKYO, "2026-11-30 12:45"))


def test_tokyo_keeps_its_break_under_a_late_open_before_it():
    session = table_with("XTKS", DayOverride(MONDAY, open=time(10), zone=TOKYO)).on(MONDAY)

    assert len(session.breaks) == 1
    assert session.open == at(TOKYO, "2026-11-30 10:00")


def test_an_overnight_session_keeps_its_eve_when_only_the_close_is_overridden():
    table = table_with("CMES-GLOBEX", DayOverride(MONDAY, close=time(12), zone=CHICAGO))

    assert table.on(MONDAY).open == at(CHICAGO, "2026-11-29 17:00")
    assert table.on(MONDAY).close == at(CHICAGO, "2026-11-30 12:00")


@pytest.mark.parametrize(("opens", "expected"), [(time(19), "2026-11-29 19:00"), (time(8), "2026-11-30 08:00")])
def test_an_overnight_session_may_open_late_on_the_eve_or_on_its_date(opens, expected):
    table = table_with("CMES-GLOBEX", DayOverride(MONDAY, open=opens, zone=CHICAGO))

    assert table.on(MONDAY).open == at(CHICAGO, expected)


TUESDAY, WEDNESDAY = date(2026, 12, 1), date(2026, 12, 2)
LONGER = DayOverride(TUESDAY, close=time(18), zone=CHICAGO)


@pytest.mark.parametrize(
    ("beside", "void"),
    [
        ([], [TUESDAY]),
        ([DayOverride(WEDNESDAY, open=time(19), zone=CHICAGO)], []),
        ([DayOverride(WEDNESDAY, closed=True)], []),
        ([DayOverride(WEDNESDAY, open=time(17, 30), zone=CHICAGO)], [TUESDAY]),
        ([DayOverride(WEDNESDAY, close=time(12), zone=CHICAGO)], [TUESDAY]),
        ([DayOverride(WEDNESDAY, open=time(19), close=time(18, 30), zone=CHICAGO)], [WEDNESDAY, TUESDAY]),
    ],
)
def test_overrides_of_neighbouring_dates_are_judged_together(beside, void):
    columns = sessions_of_calendar("CMES-GLOBEX").columns_beyond(WEDNESDAY)

    changed, voids = overridden(columns, [*beside, LONGER])

    assert list(voids) == void
    assert all("run into the session of" in sentence for sentence in voids.values())
    in_force = [one for one in [LONGER, *beside] if one.date not in void]
    assert changed == overridden(columns, in_force)[0]
    assert all(before <= behind for before, behind in pairwise(changed.edges))


def test_two_overrides_that_stand_alone_and_not_together_leave_the_earlier():
    earlier = DayOverride(TUESDAY, close=time(16, 50), zone=CHICAGO)
    later = DayOverride(WEDNESDAY, open=time(16, 30), zone=CHICAGO)
    columns = sessions_of_calendar("CMES-GLOBEX").columns_beyond(WEDNESDAY)

    assert [overridden(columns, [one])[1] for one in (earlier, later)] == [{}, {}]
    assert list(overridden(columns, [later, earlier])[1]) == [WEDNESDAY]


def test_an_override_is_refused_that_would_make_another_one_void():
    wednesday = DayOverride(WEDNESDAY, open=time(19), zone=CHICAGO, reason="outage")
    longer = replace(LONGER, reason="outage")

    assert verdict(longer, "CMES-GLOBEX")[0] == "close"
    assert verdict(longer, "CMES-GLOBEX", [wednesday, longer]) is None
    field, sentence = verdict(replace(wednesday, open=time(17, 30)), "CMES-GLOBEX", [longer, wednesday])
    assert (field, sentence) == ("open", "The hours on 2026-12-01 run into the session of 2026-12-02: cut them.")


def test_hours_beyond_the_horizon_can_be_overridden():
    monday = date(2031, 5, 5)
    table = table_with("XSHG", DayOverride(monday, close=time(11, 30), zone="Asia/Shanghai"))

    assert table.on(monday).close == at("Asia/Shanghai", "2031-05-05 11:30")
    assert table.on(monday).provisional
    assert table.on(date(2031, 5, 6)) == sessions_of_calendar("XSHG").on(date(2031, 5, 6))


def test_derived_calendars_move_with_their_source():
    early = DayOverride(MONDAY, close=time(13), zone=NEW_YORK)
    late = DayOverride(MONDAY, open=time(10, 30), zone=NEW_YORK)
    closed = DayOverride(MONDAY, closed=True)

    assert derived_table("XNYS-EXTENDED", early).on(MONDAY).close == at(NEW_YORK, "2026-11-30 17:00")
    assert derived_table("XNYS-PRE", late).on(MONDAY).close == at(NEW_YORK, "2026-11-30 10:30")
    assert derived_table("XNYS-PRE", closed).on(MONDAY) is None
    assert derived_table("XNYS-PRE", replace(late, open=time(8))).on(MONDAY) is None


def test_globex_closes_no_later_than_its_source_and_keeps_its_eve():
    session = derived_table("CMES-GLOBEX", DayOverride(MONDAY, close=time(10), zone=CHICAGO)).on(MONDAY)

    assert session.open == at(CHICAGO, "2026-11-29 17:00")
    assert session.close == at(CHICAGO, "2026-11-30 10:00")


def test_a_special_saturday_in_new_york_has_its_derived_sessions():
    saturday = date(2026, 12, 5)
    special = DayOverride(saturday, open=time(10), close=time(12), zone=NEW_YORK)

    assert derived_table("XNYS-PRE", special).on(saturday).open == at(NEW_YORK, "2026-12-05 08:30")
    assert derived_table("XNYS-EXTENDED", special).on(saturday).close == at(NEW_YORK, "2026-12-05 16:00")


def test_a_closed_date_of_a_market_around_the_clock_leaves_it_without_bells():
    table = table_with("24/7", DayOverride(MONDAY, closed=True))
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)

    assert table.continuous
    assert not table.is_open(noon)
    assert table.is_open(noon - timedelta(hours=12) - MOMENT)
    assert table.is_open(noon + timedelta(hours=12))
    assert phase_at(table, noon).phase == Phase.closed


@pytest.mark.parametrize(
    ("calendar", "override", "sentence"),
    [
        ("XNYS", DayOverride(MONDAY, close=time(9), zone=NEW_YORK), "would not come after the open"),
        ("XNYS", DayOverride(MONDAY, open=time(14), close=time(10), zone=NEW_YORK), "would not come after the open"),
        ("XNYS", DayOverride(date(2026, 12, 5), close=time(13), zone=NEW_YORK), "has no session by the calendar"),
        ("XNYS", DayOverride(date(1989, 1, 1), closed=True), "before the first session"),
        ("CMES-GLOBEX", DayOverride(MONDAY, close=time(18), zone=CHICAGO), "run into the session of 2026-12-01"),
    ],
)
def test_hours_that_make_no_session_leave_those_of_the_calendar(calendar, override, sentence):
    usual = sessions_of_calendar(calendar).columns_beyond(override.date)

    columns, voids = overridden(usual, [override])

    assert columns == usual
    assert [(day, sentence in void) for day, void in voids.items()] == [(override.date, True)]


@pytest.mark.parametrize(
    ("override", "field"),
    [
        (DayOverride(MONDAY, closed=True, open=time(10), reason="x"), "closed"),
        (DayOverride(MONDAY, reason="x"), "closed"),
        (DayOverride(MONDAY, close=time(13, 0, 30), reason="x"), "close"),
        (DayOverride(MONDAY, closed=True, reason="  "), "reason"),
        (DayOverride(date(2101, 1, 1), closed=True, reason="x"), "date"),
    ],
)
def test_what_is_wrong_by_itself_is_named_by_its_field(override, field):
    assert fault(override)[0] == field


def test_what_is_right_has_no_fault():
    assert fault(DayOverride(MONDAY, open=time(0), close=time(13), reason="x")) is None


@settings(deadline=None, max_examples=200)
@given(
    calendar=st.sampled_from(["XTKS", "XNYS", "24/7", "CMES-GLOBEX"]),
    day=st.dates(date(2010, 1, 1), date(2027, 12, 31)),
    opens=st.none() | st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    closes=st.none() | st.times().map(lambda one: one.replace(second=0, microsecond=0)),
)
def test_a_splice_equals_columns_made_anew(calendar, day, opens, closes):
    table = sessions_of_calendar(calendar)
    usual, said = table.columns_beyond(day), DayOverride(day, closed=not (opens or closes), open=opens, close=closes)

    changed, voids = overridden(usual, [said])
    if voids:
        return
    rows = [row for row in usual.rows() if row.date != day.toordinal()]
    rows = sorted([*rows, *filter(None, [under(said, usual)])])
    anew = columns_of(rows, usual.zone, date.fromordinal(usual.known_until))

    assert changed == replace(anew, weekly=usual.weekly, reaches=usual.reaches)


def test_a_date_before_the_calendar_cannot_be_asked_for():
    with pytest.raises(VoidOverride):
        under(DayOverride(date(1980, 1, 1), closed=True), sessions_of_calendar("XNYS").columns_beyond(MONDAY))
