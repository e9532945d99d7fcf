"""Sessions as columns: what is written is read, and years beyond the horizon follow the weekly hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from thor.markets.columns import Columns, Hours, Row, columns_of, minutes

NEW_YORK = "America/New_York"


def row(day: date, opened: str, closed: str, pause: tuple[str, str] = (), zone: str = NEW_YORK) -> Row:
    def at(clock: str) -> int:
        hour, minute = clock.split(":")
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        return minutes(midnight + timedelta(hours=int(hour), minutes=int(minute)))

    return Row(day.toordinal(), at(opened), at(closed), *(at(clock) for clock in pause))


def weeks(count: int, start: date = date(2026, 1, 5)) -> list[date]:
    days = (start + timedelta(days=offset) for offset in range(7 * count))
    return [day for day in days if day.weekday() < 5]


def test_what_was_dumped_is_loaded():
    rows = [row(day, "9:00", "15:30", ("11:30", "12:30")) for day in weeks(3)]
    columns = columns_of(rows, NEW_YORK, date(2026, 1, 31))

    loaded = Columns.load(columns.dump())

    assert loaded == columns
    assert list(loaded.rows()) == rows


@pytest.mark.parametrize("harm", [lambda b: b[:-4], lambda b: b + b"0000", lambda b: b"", lambda b: b"[]\n"])
def test_a_damaged_file_is_refused(harm):
    content = columns_of([row(day, "9:30", "16:00") for day in weeks(2)], NEW_YORK, date(2026, 1, 31)).dump()

    with pytest.raises((ValueError, TypeError)):
        Columns.load(harm(content))


def test_a_file_of_another_layout_is_refused():
    content = columns_of([row(day, "9:30", "16:00") for day in weeks(2)], NEW_YORK, date(2026, 1, 31)).dump()

    with pytest.raises(ValueError, match="layout"):
        Columns.load(content.replace(b'"layout": 1', b'"layout": 0'))


def test_sessions_without_a_gap_are_one_stretch_of_trading():
    days = [date(2026, 3, 1) + timedelta(days=offset) for offset in range(40)]
    columns = columns_of([row(day, "0:00", "24:00", zone="UTC") for day in days], "UTC", days[-1])

    assert list(columns.edges) == [columns.opens[0], columns.closes[-1]]


def test_the_weekly_hours_are_the_commonest_and_ignore_a_special_saturday():
    rows = [row(day, "9:30", "13:00" if day.day == 6 else "16:00") for day in weeks(20)]
    rows.append(row(date(2026, 5, 30), "10:00", "11:00"))

    columns = columns_of(rows, NEW_YORK, date(2026, 5, 31))

    assert columns.weekly == {weekday: Hours(570, 960) for weekday in range(5)}


def test_an_evening_open_is_learnt_as_minutes_before_midnight():
    rows = [row(day, "-7:00", "16:00", zone="America/Chicago") for day in weeks(6)]

    columns = columns_of(rows, "America/Chicago", date(2026, 2, 28))

    assert columns.weekly[0] == Hours(-420, 960)


def test_extended_years_keep_local_hours_on_both_sides_of_a_change_of_clocks():
    rows = [row(day, "9:30", "16:00") for day in weeks(20)]
    columns = columns_of(rows, NEW_YORK, date(2026, 12, 31))

    longer = columns.extended(2027)

    opens = {date.fromordinal(day): at for day, at in zip(longer.dates, longer.opens, strict=True)}
    assert opens[date(2027, 3, 12)] == minutes(datetime(2027, 3, 12, 14, 30, tzinfo=UTC))
    assert opens[date(2027, 3, 15)] == minutes(datetime(2027, 3, 15, 13, 30, tzinfo=UTC))
    assert date.fromordinal(longer.dates[-1]) == date(2027, 12, 31)
    assert longer.known_until == columns.known_until


def test_a_calendar_that_stops_inside_a_year_is_carried_on_from_the_next_day():
    rows = [row(day, "9:30", "16:00") for day in weeks(20) if day <= date(2026, 5, 20)]
    columns = columns_of(rows, NEW_YORK, date(2026, 5, 20))

    longer = columns.extended(2026)

    assert date.fromordinal(longer.dates[len(columns)]) == date(2026, 5, 21)
    assert date.fromordinal(longer.dates[-1]) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("hours", "zone"),
    [
        (("9:00", "15:30", ("11:30", "12:30")), "Asia/Tokyo"),
        (("9:30", "16:00"), NEW_YORK),
        (("0:00", "24:00"), "UTC"),
    ],
)
def test_columns_that_grew_equal_columns_made_of_all_their_rows(hours, zone):
    columns = columns_of([row(day, *hours, zone=zone) for day in weeks(20)], zone, date(2026, 5, 22))

    longer = columns.extended(2027)

    anew = columns_of(longer.rows(), zone, date(2026, 5, 22))
    assert len(longer) > len(columns) + 400
    for name in ("dates", "opens", "closes", "break_starts", "break_ends", "edges"):
        assert getattr(longer, name) == getattr(anew, name)
