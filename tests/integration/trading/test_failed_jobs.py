"""People hear of a job of trading that failed: once a job and session, and never in the place of its own error."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

import tasks.trading
from thor.jobs import middleware
from thor.jobs.claim import Claimed
from thor.jobs.models import Run
from thor.jobs.registry import specs
from thor.leadership.clock import live_by
from thor.timing import ManualClock, Occurrence
from thor.trading.models import Event, Happening

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
TRADING = sorted(spec.name for spec in specs().values() if spec.group == "trading")


def fail() -> None:
    raise LookupError("what is this?")


def run_of(job: str, at: datetime = NOON, session_date: date | None = date(2026, 3, 3), **fields: Any) -> None:
    """Carry a run of a job out whose body fails, inside of all middleware."""
    occurrence = Occurrence(uuid4(), at, at + timedelta(minutes=1), session_date=session_date)
    row = Run.objects.create(
        uid=uuid4(), entry=occurrence.entry, name=f"{job} @ a line that somebody has called so", task=job,
        session_date=session_date, nominal_at=at, due_at=at, deadline_at=at, decided_at=at, state="started",
    )  # fmt: skip
    claimed = Claimed(row.uid, uuid4(), row.name, 1, None, 0.0, occurrence, **fields)
    with live_by(ManualClock(at)):
        middleware.wrap(claimed, fail)()


def told() -> list[tuple[str, str]]:
    return [(one.fields["job"], one.fields["reason"]) for one in Event.objects.filter(kind=Happening.ERROR)]


def test_each_of_the_eight_jobs_is_told_of() -> None:
    for job in TRADING:
        with pytest.raises(LookupError, match="what is this"):
            run_of(job)

    assert len(TRADING) == 8
    assert told() == [(job, f"{job} failed: LookupError('what is this?')") for job in TRADING]


def test_it_is_told_once_a_session_however_often_it_is_tried_again() -> None:
    for minute in (0, 1, 2):
        with pytest.raises(middleware.LeftOut):
            run_of("swing_exits", NOON + timedelta(minutes=minute), options={"tries_again": timedelta(seconds=5)})
    with pytest.raises(LookupError):
        run_of("swing_exits", NOON + timedelta(days=1), date(2026, 3, 4))

    assert list(Event.objects.values_list("key", flat=True)) == [
        "job_failed:swing_exits:2026-03-03",
        "job_failed:swing_exits:2026-03-04",
    ]


def test_what_has_no_session_of_its_own_belongs_to_the_one_that_was_last() -> None:
    for hours in (0, 9):
        with pytest.raises(LookupError):
            run_of("health_check", NOON + timedelta(hours=hours), None)

    assert [one.key for one in Event.objects.all()] == ["job_failed:health_check:2026-03-03"]


def test_other_jobs_are_no_matter_of_trading() -> None:
    with pytest.raises(LookupError):
        run_of("vwap_minute")

    assert told() == []


def test_what_keeps_it_from_being_written_does_not_hide_the_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: Any) -> None:
        raise ConnectionError("the database is away")

    monkeypatch.setattr(tasks.trading, "note_failed_job", broken)

    with pytest.raises(LookupError, match="what is this"):
        run_of("swing_exits")

    assert "it could not be written into the journal" in caplog.text
