"""What has run once in a session is not planned in it again, whatever was edited since."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.dashboard.rows import make_run
from thor.jobs import registry
from thor.jobs.forecast import forecast
from thor.jobs.models import Entry
from thor.jobs.spec import make_spec
from thor.jobs.sync import sync_jobs
from thor.timing import OncePerSession, parse_window

pytestmark = pytest.mark.django_db

HALF_DAY = date(2026, 11, 27)
OPENS = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)


@pytest.fixture
def report(db: None, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """Given a job that runs once in each session, at its open; return its entry of New York."""
    window = parse_window("during open")
    declared = {"cadence": OncePerSession(), "window": window, "markets": ("usa", "globex")}
    monkeypatch.setitem(registry._specs, "report", make_spec("report", print, "tests", declared))
    sync_jobs(at=datetime(2026, 11, 1, tzinfo=UTC))
    return Entry.objects.get(name="report @ usa")


def edit(entry: Entry, window: str) -> None:
    """Edit the window of an entry that a leader has seen."""
    Entry.objects.filter(pk=entry.pk).update(window=window, version="as it was before")


def told(entry: Entry, at: datetime, day: date = HALF_DAY) -> list[datetime]:
    return [one.first_at for one in forecast(day, job=entry.name, at=at).series]


@pytest.mark.parametrize("window", ["between open+5m and close", "during open", "between close-30m and close"])
def test_what_ran_once_in_a_session_is_not_told_again_after_an_edit(report: Entry, window: str) -> None:
    eleven = OPENS + timedelta(minutes=90)
    edit(report, window)
    assert len(told(report, eleven)) == 1

    make_run(report, OPENS, once_on=HALF_DAY, session_date=HALF_DAY)

    found = forecast(HALF_DAY, job=report.name, at=eleven)
    assert found.series == ()
    assert {one.entry: one.why for one in found.silent} == {
        report.name: "has run in this session already, and runs once in each"
    }


def test_what_ran_before_midnight_is_not_told_again_in_the_same_session(report: Entry) -> None:
    globex, monday = Entry.objects.get(name="report @ globex"), date(2026, 11, 30)
    opens = datetime(2026, 11, 29, 23, tzinfo=UTC)
    edit(globex, "between close-1h and close")
    edited = opens + timedelta(minutes=30)
    assert told(globex, edited, monday) == [datetime(2026, 11, 30, 21, tzinfo=UTC)]

    make_run(globex, opens, once_on=monday, session_date=monday)

    assert told(globex, edited, monday) == []


def test_what_ran_once_in_a_session_is_told_where_it_ran(report: Entry) -> None:
    make_run(report, OPENS, once_on=HALF_DAY, session_date=HALF_DAY)

    assert told(report, OPENS + timedelta(hours=1)) == [OPENS]


def test_what_ran_in_one_session_is_told_in_the_next(report: Entry) -> None:
    make_run(report, OPENS - timedelta(days=2), once_on=date(2026, 11, 25), session_date=date(2026, 11, 25))

    edit(report, "between open+5m and close")

    assert told(report, OPENS - timedelta(hours=20)) == [OPENS + timedelta(minutes=5)]


def test_a_run_that_a_person_asked_for_takes_no_turn(report: Entry) -> None:
    make_run(report, OPENS - timedelta(hours=1), origin="manual:anna", session_date=HALF_DAY)

    assert told(report, OPENS - timedelta(minutes=30)) == [OPENS]


def test_runs_of_a_date_are_looked_up_in_one_question(report: Entry) -> None:
    with CaptureQueriesContext(connection) as asked_for:
        forecast(HALF_DAY, at=OPENS)

    assert sum("jobs_run" in query["sql"] for query in asked_for.captured_queries) == 1
