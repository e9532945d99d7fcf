from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab_parser
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.timing.worlds import at
from thor.timing import BadCadence, Cron
from thor.timing.cronfields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH_OF_YEAR, Field, expand


def firing(cron: Cron, start: str, end: str) -> list[str]:
    return [f"{t:%m-%d %H:%M}" for t in instants(cron, at(start), at(end))]


def instants(cron: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the instants in [start, end)."""
    t = cron.next_after(start - timedelta(microseconds=1))
    while t is not None and t < end:
        yield t
        t = cron.next_after(t)


class TestFields:
    @pytest.mark.parametrize(
        ("field", "text", "values"),
        [
            (MINUTE, "*/15", (0, 15, 30, 45)),
            (DAY_OF_MONTH, "*/10", (1, 11, 21, 31)),
            (DAY_OF_MONTH, "1-31/2", tuple(range(1, 32, 2))),
            (HOUR, "22-2", (0, 1, 2, 22, 23)),
            (HOUR, "22-2/2", (0, 2, 22)),
            (MINUTE, "1,13,30-34,50-59/4", (1, 13, 30, 31, 32, 33, 34, 50, 54, 58)),
            (DAY_OF_WEEK, "mon-fri", (1, 2, 3, 4, 5)),
            (DAY_OF_WEEK, "Saturday-sun", (0, 6)),
            (DAY_OF_WEEK, "0", (0,)),
            (DAY_OF_WEEK, "7", (0,)),
            (DAY_OF_WEEK, "5-7", (0, 5, 6)),
            (DAY_OF_WEEK, "7-2", (0, 1, 2)),
            (MONTH_OF_YEAR, "nov-feb", (1, 2, 11, 12)),
            (MONTH_OF_YEAR, "2-12/2", (2, 4, 6, 8, 10, 12)),
        ],
    )
    def test_a_field_is_read(self, field: Field, text: str, values: tuple[int, ...]):
        assert expand(field, text.lower()) == values

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("minute", "60"),
            ("minute", "-5"),
            ("minute", "*/0"),
            ("minute", "5/15"),
            ("minute", ""),
            ("minute", "1,,2"),
            ("minute", "1-5junk"),
            ("minute", "1.5"),
            ("hour", "24"),
            ("hour", "mon"),
            ("day_of_month", "0"),
            ("day_of_month", "L"),
            ("month_of_year", "13"),
            ("month_of_year", "ja"),
            ("day_of_week", "8"),
            ("day_of_week", "mon#1"),
        ],
    )
    def test_nonsense_is_refused_with_what_is_allowed(self, field: str, text: str):
        with pytest.raises(BadCadence, match="allowed are numbers from"):
            Cron(**{field: text})

    def test_a_zone_that_does_not_exist_is_refused(self):
        with pytest.raises(BadCadence, match="no time zone"):
            Cron(zone="Mars/Olympus")

    def test_numbers_sets_and_blanks_are_taken_as_celery_takes_them(self):
        assert Cron(minute={45, 0, 15, 30}) == Cron(minute="0, 15, 30, 45")
        assert Cron(minute=5, hour=[9]) == Cron("5", "9")

    numbers = st.integers(1, 12)
    parts = st.one_of(
        numbers.map(str),
        st.tuples(numbers, numbers).map(lambda p: f"{p[0]}-{p[1]}"),
        st.tuples(numbers, numbers, numbers).map(lambda p: f"{p[0]}-{p[1]}/{p[2]}"),
        st.just("*"),
        numbers.map(lambda n: f"*/{n}"),
    )

    @given(st.lists(parts, min_size=1, max_size=4).map(",".join))
    def test_fields_are_read_as_celery_reads_them(self, text: str):
        for field, top, low in ((MINUTE, 60, 0), (HOUR, 24, 0), (DAY_OF_MONTH, 31, 1), (MONTH_OF_YEAR, 12, 1)):
            assert expand(field, text) == tuple(sorted(crontab_parser(top, low).parse(text)))


class TestDays:
    def test_day_of_the_month_and_day_of_the_week_must_both_fit(self):
        friday_the_13th = Cron("0", "12", day_of_month="13", day_of_week="fri")

        assert firing(friday_the_13th, "2026-01-01", "2027-01-01") == [
            "02-13 12:00",
            "03-13 12:00",
            "11-13 12:00",
        ]

    def test_the_leap_day_comes_every_four_years(self):
        leap = Cron("0", "0", day_of_month="29", month_of_year="2")

        assert leap.next_after(at("2024-02-29 00:00")) == at("2028-02-29")
        assert leap.last_at_or_before(at("2024-02-28 23:59:59.999")) == at("2020-02-29")
        assert leap.next_after(at("2096-03-01")) == at("2104-02-29")

    def test_a_leap_day_on_one_weekday_may_take_forty_years(self):
        leap_sunday = Cron("0", "0", day_of_month="29", month_of_year="2", day_of_week="0")

        assert leap_sunday.next_after(at("2088-03-01")) == at("2128-02-29")

    def test_a_date_that_never_comes_has_no_instants(self):
        never = Cron(day_of_month="31", month_of_year="2,4")

        assert never.next_after(at("2026-01-01")) is None
        assert never.last_at_or_before(at("2026-01-01")) is None
        assert never.count(at("2026-01-01"), at("2026-12-31")) == 0

    def test_the_year_has_an_end_for_the_calendar_too(self):
        assert Cron().next_after(datetime.max.replace(tzinfo=UTC)) is None
        assert Cron().last_at_or_before(datetime.min.replace(tzinfo=UTC)) is None


class TestChangesOfTheClocks:
    def test_a_fixed_time_in_the_gap_fires_once_at_the_first_instant_after_it(self):
        cron = Cron("30", "2", zone="America/New_York")

        assert firing(cron, "2026-03-07 00:00", "2026-03-10 00:00") == [
            "03-07 07:30",
            "03-08 07:00",
            "03-09 06:30",
        ]

    def test_several_fixed_times_in_one_gap_fire_once(self):
        cron = Cron("*/10", "2,3", zone="America/New_York")

        fired = firing(cron, "2026-03-08 06:00", "2026-03-08 08:00")

        assert fired == ["03-08 07:00", "03-08 07:10", "03-08 07:20", "03-08 07:30", "03-08 07:40", "03-08 07:50"]

    def test_a_fixed_time_in_the_overlap_fires_the_first_time_only(self):
        cron = Cron("30", "1", zone="America/New_York")

        assert firing(cron, "2026-10-31 00:00", "2026-11-03 00:00") == [
            "10-31 05:30",
            "11-01 05:30",
            "11-02 06:30",
        ]

    @pytest.mark.parametrize("minute", ["*", "*/5", "0", "17"])
    def test_an_hourly_entry_fires_in_both_passes_of_the_repeated_hour(self, minute: str):
        cron, plain = Cron(minute, zone="America/New_York"), Cron(minute)

        assert firing(cron, "2026-11-01 00:00", "2026-11-02 00:00") == firing(
            plain, "2026-11-01 00:00", "2026-11-02 00:00"
        )

    def test_an_hourly_entry_does_not_make_up_for_an_hour_that_does_not_exist(self):
        cron = Cron("30", zone="Europe/Berlin")

        assert firing(cron, "2026-03-29 00:00", "2026-03-29 03:00") == [
            "03-29 00:30",
            "03-29 01:30",
            "03-29 02:30",
        ]

    def test_a_clock_may_move_by_half_an_hour(self):
        fixed = Cron("15", "2", zone="Australia/Lord_Howe")
        quarters = Cron("*/15", zone="Australia/Lord_Howe")

        assert firing(fixed, "2026-10-03 00:00", "2026-10-05 00:00") == ["10-03 15:30", "10-04 15:15"]
        assert len(firing(quarters, "2026-04-04 12:00", "2026-04-04 18:00")) == 24

    @pytest.mark.parametrize(
        ("zone", "before", "instant"),
        [
            ("America/Sao_Paulo", "2018-11-03 12:00", "2018-11-04 03:00"),
            ("Africa/Cairo", "2026-04-23 12:00", "2026-04-23 22:00"),
            ("Asia/Beirut", "2022-03-26 12:00", "2022-03-26 22:00"),
        ],
    )
    def test_a_midnight_that_does_not_exist_fires_when_the_day_begins(self, zone, before, instant):
        assert Cron("0", "0", zone=zone).next_after(at(before)) == at(instant)
        assert Cron("10", "0", zone=zone).next_after(at(before)) == at(instant)

    def test_a_day_that_a_country_left_out_still_fires_its_daily_entry(self):
        noon = Cron("0", "12", zone="Pacific/Apia")

        assert firing(noon, "2011-12-29 00:00", "2012-01-01 00:00") == [
            "12-29 22:00",
            "12-30 10:00",
            "12-30 22:00",
            "12-31 22:00",
        ]

    def test_a_zone_without_changes_has_none(self):
        cron = Cron("0", "9", zone="Asia/Tokyo")

        assert len(firing(cron, "2026-01-01", "2027-01-01")) == 365
        assert {t.hour for t in instants(cron, at("2026-01-01"), at("2027-01-01"))} == {0}

    def test_an_instant_is_asked_for_with_microseconds_and_answered_exactly(self):
        cron = Cron("0", "0")

        assert cron.next_after(at("2026-12-31 23:59:59.999999")) == at("2027-01-01")
        assert cron.next_after(at("2027-01-01 00:00")) == at("2027-01-02")
        assert cron.last_at_or_before(at("2027-01-01 00:00")) == at("2027-01-01")
        assert cron.last_at_or_before(at("2026-12-31 23:59:59.999999")) == at("2026-12-31")
