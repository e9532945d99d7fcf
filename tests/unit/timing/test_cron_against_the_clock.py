"""Compare Cron with a watchman who looks at the clock of the zone every minute."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from celery.schedules import crontab
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.timing.test_cron import instants
from thor.timing import Cron

MINUTE_LONG = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ZONES = sorted(available_timezones())
#: Where nothing changes, the nasty days are the calendar's own.
ORDINARY_DAYS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in ("2024-02-29", "2026-12-31", "2027-02-28", "2028-02-29", "2100-02-28")
)


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The hours since 1980 in which the zone's offset changed."""
    tz = ZoneInfo(zone)
    days = [datetime(1980, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(0, 58 * 365, 5)]
    offsets = [tz.utcoffset(day.replace(tzinfo=None)) for day in days]
    pairs = zip(days, days[1:], offsets, offsets[1:], strict=False)
    return tuple(hour_of_change(tz, a, b) for a, b, before, after in pairs if before != after)


def hour_of_change(tz: ZoneInfo, start: datetime, end: datetime) -> datetime:
    start, end = start - timedelta(days=1), end + timedelta(days=1)
    before = start.astimezone(tz).utcoffset()
    while end - start > timedelta(hours=1):
        middle = start + (end - start) / 2
        start, end = (middle, end) if middle.astimezone(tz).utcoffset() == before else (start, middle)
    return start.replace(minute=0, second=0, microsecond=0)


def watched(cron: Cron, start: datetime, end: datetime) -> list[datetime]:
    """Watch the clock from `start` to `end`.

    An hourly entry fires whenever the clock shows one of its times. Any other fires when the clock shows, or has
    just jumped over, one of its times that it has not shown before.
    """
    tz = ZoneInfo(cron.zone)
    fields = crontab(cron.minute, cron.hour, cron.day_of_week, cron.day_of_month, cron.month_of_year)
    minutes, hours, days, months, weekdays = (
        *(fields.minute, fields.hour, fields.day_of_month),
        *(fields.month_of_year, fields.day_of_week),
    )

    def fits(t: datetime) -> bool:
        if t.minute not in minutes or t.hour not in hours:
            return False
        return t.day in days and t.month in months and t.isoweekday() % 7 in weekdays

    fired, now = [], start
    furthest = (start - MINUTE_LONG).astimezone(tz).replace(tzinfo=None)
    while now < end:
        shown = now.astimezone(tz).replace(tzinfo=None)
        if len(hours) == 24:
            due = fits(shown)
        else:
            jumped = range(int((shown - furthest) / MINUTE_LONG))
            due = any(fits(shown - n * MINUTE_LONG) for n in jumped)
        if due:
            fired.append(now)
        furthest, now = max(furthest, shown), now + MINUTE_LONG
    return fired


def disagreement(cron: Cron, start: datetime, end: datetime, early: timedelta = timedelta(hours=26)) -> str:
    """Return what differs; the watch begins early, so as to know which times the clock has shown."""
    watch = [t for t in watched(cron, start - early, end) if t >= start]
    told = list(instants(cron, start, end))
    counted = cron.count(start - MINUTE_LONG, end - MINUTE_LONG)
    back, t = [], cron.last_at_or_before(end - MINUTE_LONG)
    while t is not None and t >= start:
        back.append(t)
        t = cron.last_at_or_before(t - timedelta(microseconds=1))
    if told == watch == back[::-1] and counted == len(watch):
        return ""
    return f"{cron.text()} around {start}: {told} {watch} {back} {counted}"


minute_fields = st.sampled_from(["*", "*/7", "0", "30", "59", "0,30", "50-10/5"])
hour_fields = st.sampled_from(["*", "0", "1", "2", "3", "0-3", "23", "22-2", "*/2", "1,2", "0-23"])
weekday_fields = st.sampled_from(["*", "*", "*", "0", "sat-mon", "1-5"])
day_fields = st.sampled_from(["*", "*", "*", "1-15", "*/2"])


month_fields = st.sampled_from(["*", "*", "*", "2", "mar,oct,11", "*/2"])


@st.composite
def days_of_change(draw: st.DrawFn) -> tuple[str, datetime]:
    zone = draw(st.sampled_from(ZONES))
    days = changes(zone) or (datetime(2026, 3, 8, tzinfo=UTC),)
    return zone, draw(st.sampled_from(days))


@settings(max_examples=100, deadline=None)
@given(days_of_change(), minute_fields, hour_fields, day_fields, weekday_fields)
def test_around_any_change_of_any_clock_cron_fires_when_the_watchman_does(change, minute, hour, day, weekday):
    zone, start = change
    cron = Cron(minute, hour, day_of_month=day, day_of_week=weekday, zone=zone)

    assert not disagreement(cron, start - timedelta(hours=12), start + timedelta(days=2))


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_in_every_zone_cron_fires_when_the_watchman_does(zone: str, data: st.DataObject):
    day = data.draw(st.sampled_from(ORDINARY_DAYS + changes(zone)[-12:]))
    month, on, weekday = data.draw(month_fields), data.draw(day_fields | st.just("29")), data.draw(weekday_fields)
    minute, hour = data.draw(minute_fields), data.draw(hour_fields)
    cron = Cron(minute, hour, day_of_month=on, month_of_year=month, day_of_week=weekday, zone=zone)

    assert not disagreement(cron, day - timedelta(hours=2), day + timedelta(hours=5), early=timedelta(hours=3))


@pytest.mark.parametrize("hour", ["*", "0-3", "23-1", "2"])
def test_every_zone_of_the_database_keeps_the_promise_at_its_last_change(hour: str):
    wrong = []
    for zone in ZONES:
        days = changes(zone)
        if days:
            cron = Cron("*/15", hour, zone=zone)
            start, end = days[-1] - timedelta(hours=2), days[-1] + timedelta(hours=4)
            wrong.append(disagreement(cron, start, end, early=timedelta(hours=2)))

    assert len(wrong) > 350
    assert [line for line in wrong if line] == []


def is_back_over_midnight(zone: str, change: datetime) -> bool:
    """Say whether the clock went back in this hour, and from one day of the month into the one before."""
    before, after = ((change + n * HOUR).astimezone(ZoneInfo(zone)) for n in (0, 1))
    back = (before.utcoffset() or timedelta(0)) - (after.utcoffset() or timedelta(0))
    return back > timedelta(0) and (after.replace(tzinfo=None) + back).day != after.day


def test_an_hour_that_comes_again_across_midnight_is_kept_where_only_one_of_the_days_fits():
    wrong = []
    twice = [(zone, at) for zone in ZONES for at in changes(zone) if is_back_over_midnight(zone, at)]
    for zone, change in twice:
        today = (change + HOUR).astimezone(ZoneInfo(zone))
        for day in {today.day, (today + timedelta(days=1)).day}:
            cron = Cron("*/15", "*", day_of_month=day, zone=zone)
            wrong.append(disagreement(cron, change - 2 * HOUR, change + 4 * HOUR, early=HOUR))

    assert len(wrong) > 500
    assert [line for line in wrong if line] == []
