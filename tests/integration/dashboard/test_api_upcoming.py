"""The next open and the next close of a market, defined at every kind of instant."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.dashboard.api.upcoming import Upcoming, upcoming
from thor.markets.columns import Row, columns_of
from thor.markets.phases import bells
from thor.markets.sessions import sessions_of_calendar
from thor.markets.table import SessionTable


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("calendar", "at", "opens", "closes"),
    [
        ("XNYS", "2026-11-27 14:29:59.999999", "2026-11-27 14:30:00", "2026-11-27 18:00:00"),
        ("XNYS", "2026-11-27 14:30:00", "2026-11-30 14:30:00", "2026-11-27 18:00:00"),  # at the bell: it is open
        ("XNYS", "2026-11-27 17:59:59.999999", "2026-11-30 14:30:00", "2026-11-27 18:00:00"),
        ("XNYS", "2026-11-27 18:00:00", "2026-11-30 14:30:00", "2026-11-30 21:00:00"),
        ("XNYS", "2026-03-06 21:00:00", "2026-03-09 13:30:00", "2026-03-09 20:00:00"),  # clocks change on Sunday
        ("XTKS", "2026-11-20 02:45:00", "2026-11-24 00:00:00", "2026-11-20 06:30:00"),  # lunch, then a long weekend
        ("XSHG", "2026-10-01 02:00:00", "2026-10-08 01:30:00", "2026-10-08 07:00:00"),  # a week of holidays
        ("CMES-GLOBEX", "2026-11-22 23:00:00", "2026-11-23 23:00:00", "2026-11-23 22:00:00"),
    ],
)
def test_both_come_after_the_instant(calendar: str, at: str, opens: str, closes: str) -> None:
    assert upcoming(sessions_of_calendar(calendar), utc(at)) == Upcoming(utc(opens), utc(closes))


def test_a_market_without_bells_has_neither() -> None:
    assert upcoming(sessions_of_calendar("24/7"), utc("2026-11-22 23:00:00")) == Upcoming(None, None)


def test_sessions_without_a_gap_ring_only_at_the_end_of_the_last() -> None:
    days = [date(2026, 11, day) for day in (2, 3, 4, 6)]
    rows = [Row(day.toordinal(), _minute(day), _minute(day + timedelta(days=1))) for day in days]
    table = SessionTable("JOINED", columns_of(rows, "UTC", days[-1]))

    assert upcoming(table, utc("2026-11-02 12:00:00")) == Upcoming(
        utc("2026-11-06 00:00:00"), utc("2026-11-05 00:00:00")
    )


def _minute(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // 60


@settings(deadline=None, max_examples=200)
@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    calendar=st.sampled_from(["XNYS", "XTKS", "XSHG", "CMES-GLOBEX", "XNYS-PRE"]),
)
def test_they_are_the_first_bells_that_ring(at: datetime, calendar: str) -> None:
    table = sessions_of_calendar(calendar)
    ringing = bells(table, at, at + timedelta(days=30))
    first = {kind: min(bell.at for bell in ringing if bell.kind == kind) for kind in ("opened", "closed")}

    assert upcoming(table, at) == Upcoming(first["opened"], first["closed"])
