"""What a person reads of a stretch of time: the weekday and the name of the zone wherever they tell its ends apart."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from thor.jobs.forecast import Forecast
from thor.jobs.forecast_agenda import column_text, ends_text, span_text

CHICAGO = "America/Chicago"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def of_date(text: str, zone: str) -> Forecast:
    on = date.fromisoformat(text)
    start, end = (datetime.combine(one, time(), ZoneInfo(zone)) for one in (on, on + timedelta(days=1)))
    return Forecast(on, zone, start.astimezone(UTC), end.astimezone(UTC), (), (), (), ())


@pytest.mark.parametrize(
    ("day", "last", "said"),
    [
        ("2027-03-14", "23:59", "Sat 18:00 CST to Sun 18:59 CDT"),
        ("2027-11-07", "23:59", "Sat 19:00 CDT to Sun 17:59 CST"),
        ("2026-11-27", "23:59", "Thu 18:00 to Fri 17:59 CST"),
        ("2026-11-27", "05:59", "Thu 18:00 to Thu 23:59 CST"),
        ("2026-11-27", "00:00", "Thu 18:00 CST"),
    ],
)
def test_a_date_of_utc_is_told_in_the_time_of_chicago(day: str, last: str, said: str) -> None:
    assert span_text(utc(f"{day} 00:00"), utc(f"{day} {last}"), CHICAGO, date.fromisoformat(day)) == said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2027-03-14 07:59", "2027-03-14 08:00", "01:59 CST to 03:00 CDT"),
        ("2027-11-07 06:30", "2027-11-07 07:30", "01:30 CDT to 01:30 CST"),
        ("2027-11-07 15:00", "2027-11-07 16:00", "09:00 to 10:00 CST"),
    ],
)
def test_a_stretch_within_one_date_needs_no_weekday(first: str, last: str, said: str) -> None:
    assert span_text(utc(first), utc(last), CHICAGO, utc(first).date()) == said


def test_the_name_of_the_zone_can_be_left_out_unless_it_changes() -> None:
    ordinary, changing = ("2026-11-27 15:00", "2026-11-27 16:00"), ("2027-03-14 07:30", "2027-03-14 08:30")

    said = [span_text(utc(first), utc(last), CHICAGO, named=False) for first, last in (ordinary, changing)]

    assert said == ["09:00 to 10:00", "01:30 CST to 03:30 CDT"]


def test_a_session_that_opens_on_the_evening_before_names_both_days() -> None:
    opens, closes = utc("2027-03-14 22:00"), utc("2027-03-15 21:00")

    assert ends_text(opens, closes, CHICAGO, date(2027, 3, 15)) == ("Sun 17:00", "Mon 16:00")


def test_the_two_hours_of_the_same_name_can_be_told_apart() -> None:
    autumn = of_date("2027-11-07", CHICAGO)

    said = [column_text(utc(f"2027-11-07 {at}"), autumn) for at in ("05:30", "06:30", "07:30")]

    assert said == ["00:30 CDT", "01:30 CDT", "01:30 CST"]


@pytest.mark.parametrize(("day", "zone"), [("2027-11-08", CHICAGO), ("2027-11-07", "UTC")])
def test_on_a_date_without_a_change_the_zone_is_not_repeated(day: str, zone: str) -> None:
    found = of_date(day, zone)

    assert column_text(found.start, found) == "00:00"
