"""When the desk learns: once a session, after its close."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from thor.jobs.registry import specs
from thor.markets.sessions import sessions_of
from thor.timing import Latest, Occurrence, OncePerSession
from thor.timing.entry import Entry
from thor.timing.plan import plan
from thor.trading.models import LearningRun

pytestmark = pytest.mark.django_db(transaction=True)

#: The day after Thanksgiving: New York closes at 13:00.
DAY, CLOSE = date(2026, 11, 27), datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def due(after: datetime, now: datetime) -> list[tuple[datetime, date | None]]:
    spec = specs()["offline_ml"]
    entry = Entry(
        id=UUID(int=1), cadence=spec.cadence, window=spec.window, sessions=sessions_of("usa"), market="usa",
        catch_up=spec.catch_up, since=after - timedelta(days=30),
    )  # fmt: skip
    return [(one.nominal_at, one.session_date) for one in plan(entry, after=after, now=now).due]


def test_it_is_declared_as_the_desk_needs_it() -> None:
    spec = specs()["offline_ml"]

    assert (spec.cadence, spec.markets, spec.queue) == (OncePerSession(), ("usa",), "trading")
    assert (spec.catch_up, spec.repeatable) == (Latest(within=timedelta(days=7)), True)
    assert spec.time_limit == timedelta(minutes=10)


def test_it_is_due_once_at_the_close_and_until_the_next_open_where_thor_was_away() -> None:
    assert due(CLOSE - SECOND, CLOSE) == [(CLOSE, DAY)]
    assert due(CLOSE, CLOSE + timedelta(hours=20)) == []
    sunday = CLOSE + timedelta(days=2)
    assert due(CLOSE - SECOND, sunday) == [(CLOSE, DAY)]
    assert due(CLOSE - timedelta(hours=1), CLOSE - SECOND) == []


def test_its_body_writes_the_run_down() -> None:
    occurrence = Occurrence(uuid4(), CLOSE, CLOSE + timedelta(days=7), market="usa", session_date=DAY)

    told = specs()["offline_ml"].body(occurrence)

    assert told["reason"] == "there are no finished trades"
    assert LearningRun.objects.get().run == occurrence.run_id
