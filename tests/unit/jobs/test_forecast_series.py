"""The runs of a date are what `timing.plan()` decides, whoever asks it and in what steps."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.jobs.guessed import guessed
from thor.jobs.forecast_markets import Day
from thor.jobs.forecast_series import FEW, Series, series_of
from thor.jobs.registry import specs
from thor.jobs.schedule import Row
from thor.markets.box import BOX
from thor.markets.models import Market
from thor.markets.sessions import sessions_of_calendar
from thor.timing import Cron, Entry, Every, Once, OncePerSession, parse_window, plan
from thor.timing.instants import MICROSECOND

SPACE = UUID("0b0e1d1c-0000-4000-8000-000000000002")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 11, 21, tzinfo=UTC)

#: Besides the jobs of the box: every kind of cadence and window, and bells that the cadence does not meet.
OTHERS: dict[str, dict[str, Any]] = {
    "once a session": {"cadence": OncePerSession(), "window": parse_window("between close+10m and next open")},
    "once after the open": {"cadence": OncePerSession(), "window": parse_window("between open+5m and open+30m")},
    "whole sessions": {"cadence": OncePerSession()},
    "before the close": {"cadence": Every(seconds=10), "window": parse_window("between close-25m and close")},
    "bells": {
        "cadence": Every(seconds=7 * 60 + 13),
        "window": parse_window("during open"),
        "also_at": frozenset({"session_end", "break_start"}),
    },
    "crontab": {"cadence": Cron("*/20", "9-15", zone="America/New_York"), "window": parse_window("during open")},
    "nightly": {"cadence": Cron("30", "2", zone="America/New_York")},
}


@cache
def table(market: str) -> Any:
    boxed = next(boxed for boxed in BOX if boxed.key == market)
    return sessions_of_calendar(boxed.calendar).with_post_close(boxed.post_close)


def row(name: str, market: str = "", *, one_off: bool = False, **timed: Any) -> Row:
    """Return a line as the leader takes it."""
    known = {"id": uuid5(SPACE, f"{name} {market}"), "since": LONG_AGO, "market": market}
    entry = Entry(**{**known, "sessions": table(market) if market else None, **timed})
    return Row(1, f"{name} @ {market}", entry, name, [], {}, {}, {}, one_off, "", None)


@cache
def box() -> tuple[Row, ...]:
    """Return every job of the box and the others on markets of every kind."""
    venues = [boxed.key for boxed in BOX if boxed.role == Market.Role.VENUE]
    declared = {
        spec.name: {"cadence": spec.cadence, "window": spec.window, "also_at": spec.also_at, "catch_up": spec.catch_up}
        for spec in specs().values()
        if spec.markets is not None
    }
    rows = [row(name, market, **timed) for name, timed in declared.items() for market in venues]
    keys = ("japan", "usa", "globex", "crypto")
    rows += [row(name, market, **timed) for name, timed in OTHERS.items() for market in keys]
    return tuple(rows)


def day_in(on: date, zone: str = "UTC") -> Day:
    midnights = (datetime.combine(one, time(), ZoneInfo(zone)) for one in (on, on + timedelta(days=1)))
    return Day(on, zone, *(midnight.astimezone(UTC) for midnight in midnights))


def stepped(entry: Entry, day: Day, step: timedelta) -> tuple[int, datetime | None, datetime | None]:
    """Return how many slots `plan()` decides, asked step by step through the date, and the first and the last."""
    after, count, seen = day.start - MICROSECOND, 0, []
    while after < day.end - MICROSECOND:
        now = min(after + step, day.end - MICROSECOND)
        found = plan(entry, after=after, now=now)
        count += len(found.due) + sum(dropped.count for dropped in found.dropped)
        seen += [one.nominal_at for one in found.due]
        seen += [at for dropped in found.dropped for at in (dropped.first_at, dropped.last_at)]
        after = now
    return count, min(seen, default=None), max(seen, default=None)


def told(series: list[Series]) -> tuple[int, datetime | None, datetime | None]:
    firsts, lasts = [one.first_at for one in series], [one.last_at for one in series]
    return sum(one.count for one in series), min(firsts, default=None), max(lasts, default=None)


@settings(max_examples=40, deadline=None)
@given(
    on=st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo"]),
    minutes=st.integers(17, 290),
)
def test_the_runs_of_any_date_are_what_plan_decides_step_by_step(on: date, zone: str, minutes: int) -> None:
    day = day_in(on, zone)

    for one in box():
        assert told(series_of(one, day, TODAY)) == stepped(one.timed, day, timedelta(minutes=minutes)), one.name


@pytest.mark.parametrize(
    "on", [date(2026, 11, 27), date(2027, 3, 14), date(2027, 11, 7), date(2027, 3, 29), date(2027, 11, 1)]
)
def test_the_runs_of_nasty_dates_are_what_plan_decides_step_by_step(on: date) -> None:
    for zone in ("UTC", "America/Chicago"):
        day = day_in(on, zone)
        for one in box():
            assert told(series_of(one, day, TODAY)) == stepped(one.timed, day, timedelta(minutes=43)), one.name


def test_a_run_ends_where_the_window_does() -> None:
    found = series_of(
        row("tick", "japan", **OTHERS["bells"] | {"also_at": frozenset()}), day_in(date(2026, 11, 20)), TODAY
    )

    assert [(f"{one.first_at:%H:%M:%S}", f"{one.last_at:%H:%M:%S}", one.count) for one in found] == [
        ("00:05:32", "02:29:52", 21),
        ("03:34:49", "06:28:01", 25),
    ]


def test_bells_besides_the_cadence_stand_alone_and_name_their_session() -> None:
    found = series_of(row("tick", "japan", **OTHERS["bells"]), day_in(date(2026, 11, 20)), TODAY)

    assert [(f"{one.first_at:%H:%M}", one.by, one.count) for one in found] == [
        ("00:05", "cadence", 21),
        ("02:30", "bell", 1),
        ("03:34", "cadence", 25),
        ("06:30", "bell", 1),
    ]
    assert {one.session_date for one in found} == {date(2026, 11, 20)}


def test_a_few_slots_are_told_one_by_one_and_more_as_a_run() -> None:
    day, window = day_in(date(2026, 11, 27)), parse_window("during open")

    hourly = series_of(row("a", "usa", cadence=Every(hours=1), window=window), day, TODAY)
    busier = series_of(row("b", "usa", cadence=Every(minutes=30), window=window), day, TODAY)

    assert [f"{one.first_at:%H:%M}" for one in hourly] == ["15:00", "16:00", "17:00"]
    assert len(hourly) == FEW
    assert [(one.count, f"{one.first_at:%H:%M}", f"{one.last_at:%H:%M}") for one in busier] == [(7, "14:30", "17:30")]


def test_a_day_of_seconds_is_one_line() -> None:
    (found,) = series_of(row("tick", cadence=Every(seconds=1)), day_in(date(2028, 2, 29)), TODAY)

    assert (found.count, found.period, found.cadence) == (86_400, timedelta(seconds=1), "every 1 s")


def test_an_entry_made_in_the_middle_of_a_date_is_told_from_then_on() -> None:
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    (found,) = series_of(row("tick", cadence=Every(minutes=1), since=noon), day_in(date(2026, 11, 27)), TODAY)

    assert (found.first_at, found.count, found.younger) == (noon + timedelta(minutes=1), 719, False)


def test_a_date_before_an_entry_was_made_is_told_as_if_it_had_been_there() -> None:
    young = row("daily", "globex", cadence=OncePerSession(), window=parse_window("during open"), since=TODAY)

    found = series_of(young, day_in(date(2024, 6, 5)), TODAY)

    assert [(f"{one.first_at:%H:%M}", one.session_date, one.younger) for one in found] == [
        ("22:00", date(2024, 6, 6), True)
    ]


def test_a_one_off_entry_fires_on_the_first_of_its_dates_alone() -> None:
    once = row("once", cadence=Cron("0", "9"), one_off=True)
    present = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

    counts = [len(series_of(once, day_in(date(2026, 11, day)), present)) for day in (20, 21, 22, 23)]

    assert counts == [0, 0, 1, 0]


def test_a_clocked_entry_is_told_on_its_date() -> None:
    at = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)
    clocked = row("once", cadence=Once(at))

    assert [one.first_at for one in series_of(clocked, day_in(date(2027, 3, 14)), TODAY)] == [at]
    assert series_of(clocked, day_in(date(2027, 3, 15)), TODAY) == []


def test_start_and_end_of_an_entry_bound_what_is_told() -> None:
    day = day_in(date(2026, 11, 27))
    whole = row("tick", cadence=Every(hours=1))
    bounded = replace(
        whole, timed=replace(whole.timed, start=day.start + timedelta(hours=6), until=day.start + timedelta(hours=20))
    )

    (found,) = series_of(bounded, day, TODAY)

    assert (f"{found.first_at:%H:%M}", f"{found.last_at:%H:%M}", found.count) == ("06:00", "19:00", 14)


def test_occurrences_of_a_guessed_session_are_provisional() -> None:
    window, day = parse_window("during open"), day_in(guessed("XSHG"))
    found = [
        series_of(row("tick", market, cadence=Every(minutes=1), window=window), day, TODAY)
        for market in ("china", "usa")
    ]

    assert [{one.provisional for one in series} for series in found] == [{True}, {False}]
