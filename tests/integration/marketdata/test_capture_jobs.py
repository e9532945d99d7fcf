"""When opens and closes are captured: once a session, also where Thor starts late."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from tests.integration.marketdata.conftest import utc
from thor.jobs.registry import specs
from thor.markets.sessions import sessions_of
from thor.timing.entry import Entry
from thor.timing.plan import Plan, plan

pytestmark = pytest.mark.django_db

#: The day after Thanksgiving: New York closes at 13:00.
DAY = date(2026, 11, 27)
OPEN, CLOSE = utc("2026-11-27T14:30"), utc("2026-11-27T18:00")
SECOND = timedelta(seconds=1)


def planned(job: str, after: datetime, now: datetime, market: str = "usa") -> Plan:
    spec = specs()[job]
    entry = Entry(
        id=UUID(int=1),
        cadence=spec.cadence,
        window=spec.window,
        sessions=sessions_of(market),
        market=market,
        also_at=spec.also_at,
        catch_up=spec.catch_up,
        deadline=spec.deadline,
        since=after - timedelta(days=30),
    )
    return plan(entry, after=after, now=now)


def due(job: str, after: datetime, now: datetime) -> list[tuple[datetime, date | None]]:
    return [(one.nominal_at, one.session_date) for one in planned(job, after, now).due]


@pytest.mark.parametrize(
    ("job", "at"),
    [
        ("preopen_backtest", OPEN - timedelta(minutes=1)),
        ("market_open_capture", OPEN),
        ("market_close_capture", CLOSE),
    ],
)
def test_each_is_due_once_a_session_at_its_bell(job: str, at: datetime) -> None:
    assert due(job, at - SECOND, at) == [(at, DAY)]
    assert due(job, at, at + timedelta(minutes=30)) == []


def test_an_open_is_captured_until_its_session_is_over() -> None:
    before = OPEN - timedelta(hours=1)

    assert due("market_open_capture", before, CLOSE - SECOND) == [(OPEN, DAY)]
    assert due("market_open_capture", before, CLOSE + SECOND) == []


def test_a_close_is_captured_until_the_next_open() -> None:
    monday = utc("2026-11-30T14:30")

    assert due("market_close_capture", CLOSE - SECOND, monday - SECOND) == [(CLOSE, DAY)]
    assert due("market_close_capture", CLOSE - SECOND, monday + SECOND) == []


def test_a_track_record_is_not_made_after_the_bell() -> None:
    at = OPEN - timedelta(minutes=1)

    assert due("preopen_backtest", at - SECOND, OPEN - SECOND) == [(at, DAY)]
    (one,) = planned("preopen_backtest", at - SECOND, at).due
    assert one.deadline_at <= OPEN
    assert due("preopen_backtest", at - SECOND, OPEN) == []


def test_grading_goes_on_from_bell_to_bell() -> None:
    assert due("market_open_grading", OPEN - SECOND, OPEN) == [(OPEN, DAY)]
    assert due("market_open_grading", CLOSE - SECOND, CLOSE) == [(CLOSE, DAY)]
    assert due("market_open_grading", CLOSE, CLOSE + timedelta(hours=1)) == []
    assert specs()["market_open_grading"].markets == "control"
