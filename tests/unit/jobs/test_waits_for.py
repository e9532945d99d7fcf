"""What a job waits for is asked with business time, before anything is said to have started."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from thor.jobs import events, middleware
from thor.jobs.claim import Claimed
from thor.jobs.middleware import LeftOut
from thor.jobs.spec import BadJob, JobSpec, make_spec
from thor.leadership.clock import live_by
from thor.timing import Every, ManualClock, Occurrence

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def declare(why: Any) -> JobSpec:
    return make_spec("a_job", lambda occurrence: None, "group", {"cadence": Every(seconds=1), "waits_for": why})


def run_of(spec: JobSpec, nominal_at: datetime = NOON) -> Claimed:
    occurrence = Occurrence(uuid.uuid4(), nominal_at, nominal_at + timedelta(minutes=1))
    return Claimed(uuid.uuid4(), uuid.uuid4(), "a job", 1, None, 0.0, occurrence, options=spec.options)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(events, "_subscribers", [lambda name, fields: found.append(name)])
    return found


def carry_out(spec: JobSpec, body: Callable[[], Any]) -> Any:
    with live_by(ManualClock(NOON + timedelta(seconds=7))):
        return middleware.wrap(run_of(spec), body)()


def test_the_question_is_asked_with_business_time_and_not_with_the_runs_own() -> None:
    asked: list[datetime] = []

    def why(at: datetime) -> str:
        asked.append(at)
        return ""

    assert carry_out(declare(why), lambda: "done") == "done"
    assert asked == [NOON + timedelta(seconds=7)]


def test_a_reason_leaves_the_body_out_and_nobody_hears_of_a_start(heard: list[str]) -> None:
    calls: list[str] = []

    with pytest.raises(LeftOut, match="reconciliation has not said READY since 12:00"):
        carry_out(declare(lambda at: "reconciliation has not said READY since 12:00"), lambda: calls.append("body"))

    assert (calls, heard) == ([], [])


def test_a_question_that_fails_is_no_permission() -> None:
    calls: list[str] = []

    with pytest.raises(ZeroDivisionError):
        carry_out(declare(lambda at: str(1 // 0)), lambda: calls.append("body"))

    assert calls == []


def test_a_job_that_waits_for_nothing_runs() -> None:
    spec = make_spec("a_job", lambda occurrence: None, "group", {"cadence": Every(seconds=1)})

    assert carry_out(spec, lambda: "done") == "done"


def needs_a_keyword(*, at: datetime) -> str:
    return ""


@pytest.mark.parametrize("why", ["reconciliation", None, lambda: "", needs_a_keyword])
def test_what_cannot_be_asked_is_refused_when_the_job_is_declared(why: Any) -> None:
    with pytest.raises(BadJob, match="waits_for must be a callable of one instant"):
        declare(why)
