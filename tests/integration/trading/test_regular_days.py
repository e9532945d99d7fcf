"""Days that were rolled up from a venue's long session count with what was traded in regular hours."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.integration.trading.daily_days import sessions_before, write_days, write_minutes
from thor.marketdata.models import Bar, DailyBar, Instrument
from thor.trading.history import history_of
from thor.trading.models import RegularDay
from thor.trading.regular_days import regular_days

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 3)
BEFORE = sessions_before(DAY, 252)
#: Monday, 2026-03-02.
LAST = BEFORE[-1]
AT = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)


def newest() -> tuple[float, ...]:
    bars = history_of(["SPY"], at=AT, session_date=DAY)["SPY"]
    return tuple(float(column[-1]) for column in (bars.high, bars.low, bars.close, bars.volume))


@pytest.fixture
def rolled() -> None:
    """Given a year of days, the last of them rolled up with trades of before the open and after the close."""
    write_days("SPY", [session.date for session in BEFORE])
    last = DailyBar.objects.filter(date=LAST.date)
    last.update(high=130, low=80, close=125, volume=99_999, origin=DailyBar.Origin.ROLLED)
    write_minutes("SPY", LAST.open - timedelta(hours=2), [80.5] * 3)
    write_minutes("SPY", LAST.open, [100.0, 104.0, 98.0])
    write_minutes("SPY", LAST.close - timedelta(minutes=1), [101.0])
    write_minutes("SPY", LAST.close, [129.5, 125.0])


@pytest.mark.usefixtures("rolled")
def test_the_hours_before_the_open_and_after_the_close_do_not_count() -> None:
    assert newest() == (104.5, 97.5, 101.0, 40.0)


@pytest.mark.usefixtures("rolled")
def test_the_minutes_are_read_once() -> None:
    newest()
    Bar.objects.all().delete()

    assert newest() == (104.5, 97.5, 101.0, 40.0)
    assert RegularDay.objects.count() == 1


@pytest.mark.usefixtures("rolled")
def test_a_day_that_is_imported_later_takes_its_place() -> None:
    newest()
    DailyBar.objects.filter(date=LAST.date).update(
        high=104, low=99, close=101, volume=1_000, origin=DailyBar.Origin.IMPORTED
    )

    assert newest() == (104.0, 99.0, 101.0, 1000.0)


@pytest.mark.usefixtures("rolled")
def test_a_bad_print_is_told_by_the_close_before() -> None:
    write_minutes("SPY", LAST.open + timedelta(hours=1), [645.0])

    assert newest()[:3] == (104.5, 97.5, 101.0)


@pytest.mark.usefixtures("rolled")
def test_a_rolled_up_day_without_minutes_stands() -> None:
    Bar.objects.all().delete()

    assert newest() == (130.0, 80.0, 125.0, 99_999.0)
    assert RegularDay.objects.count() == 0


@pytest.mark.usefixtures("rolled")
def test_several_symbols_are_noted_at_once() -> None:
    write_days("QQQ", [session.date for session in BEFORE])
    DailyBar.objects.filter(date__gte=BEFORE[-2].date).update(origin=DailyBar.Origin.ROLLED)
    for session in BEFORE[-2:]:
        write_minutes("QQQ", session.open, [50.0, 51.0])

    found = history_of(["SPY", "QQQ"], at=AT, session_date=DAY)

    assert [float(high) for high in found["QQQ"].high[-2:]] == [51.5, 51.5]
    assert float(found["SPY"].high[-1]) == 104.5
    noted = set(RegularDay.objects.values_list("instrument__symbol", "date"))
    assert noted == {("SPY", LAST.date), *(("QQQ", session.date) for session in BEFORE[-2:])}
    assert Instrument.objects.filter(regular_days__isnull=False).distinct().count() == 2


@pytest.mark.usefixtures("rolled")
def test_a_day_of_which_only_the_afternoon_is_kept_is_not_taken_for_the_whole() -> None:
    Bar.objects.filter(start_at__lt=LAST.open + timedelta(minutes=2)).delete()

    assert newest() == (130.0, 80.0, 125.0, 99_999.0)
    assert RegularDay.objects.count() == 0


def test_days_that_nobody_has_watched_are_not_looked_for_again(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    write_days("SPY", [session.date for session in BEFORE])
    DailyBar.objects.update(origin=DailyBar.Origin.ROLLED)
    write_minutes("SPY", BEFORE[-3].open - timedelta(hours=1), [100.0])
    write_minutes("SPY", BEFORE[-1].open, [100.0])
    keys = {(row.instrument_id, row.date) for row in DailyBar.objects.all()}

    assert set(regular_days(keys)) == {(next(iter(keys))[0], LAST.date)}

    # What is noted, and when the first minute began: no session is read.
    with django_assert_num_queries(2):
        regular_days(keys)
    noted = RegularDay.objects.order_by("date").values_list("date", "high")
    assert [(day, high is None) for day, high in noted] == [
        (BEFORE[-3].date, True), (BEFORE[-2].date, True), (BEFORE[-1].date, False),
    ]  # fmt: skip
