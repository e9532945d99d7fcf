"""What comes once a session and fails is put off while there is time, and fails where there is none."""

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.exceptions import Ignore

from thor.jobs import events, middleware
from thor.jobs.claim import Claimed
from thor.jobs.middleware import LeftOut
from thor.jobs.spec import BadJob, JobSpec, make_spec
from thor.leadership.clock import live_by
from thor.timing import Between, Every, ManualClock, Occurrence, OncePerSession

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WAIT = timedelta(minutes=1)


def declare(**declared: Any) -> JobSpec:
    plain = {"cadence": OncePerSession(), "window": Between("open", "close"), "markets": ("usa",), "tries_again": WAIT}
    return make_spec("a_job", lambda occurrence: None, "group", {**plain, **declared})


def carry_out(body: Callable[[], Any], *, left: timedelta) -> Any:
    occurrence = Occurrence(uuid.uuid4(), NOON, NOON + left)
    run = Claimed(uuid.uuid4(), uuid.uuid4(), "a job", 1, None, 0.0, occurrence, options={"tries_again": WAIT})
    with live_by(ManualClock(NOON)):
        return middleware.wrap(run, body)()


def fail() -> None:
    raise ConnectionError("the broker did not answer")


def test_a_failure_is_told_of_and_put_off_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(events, "_subscribers", [lambda name, fields: heard.append(name)])

    with pytest.raises(LeftOut, match="ConnectionError: the broker did not answer") as refusal:
        carry_out(fail, left=WAIT + timedelta(seconds=1))

    assert refusal.value.wait == WAIT
    assert heard == ["thor.run.started", "thor.run.failed"]


@pytest.mark.parametrize("left", [WAIT, WAIT + timedelta(seconds=1)])
def test_each_failure_is_a_warning_in_the_log_once(caplog: pytest.LogCaptureFixture, left: timedelta) -> None:
    with caplog.at_level(logging.WARNING, "thor.events"), pytest.raises((ConnectionError, LeftOut)):
        carry_out(fail, left=left)

    (line,) = [one.getMessage() for one in caplog.records if one.name == "thor.events"]
    assert line.startswith("thor.run.failed entry=a job ")
    assert "ConnectionError('the broker did not answer')" in line


def test_the_last_failure_before_the_deadline_is_one() -> None:
    with pytest.raises(ConnectionError):
        carry_out(fail, left=WAIT)


def test_what_celery_says_of_a_task_is_no_failure() -> None:
    def ignore() -> None:
        raise Ignore

    with pytest.raises(Ignore):
        carry_out(ignore, left=timedelta(hours=1))


def test_a_body_that_returns_is_left_alone() -> None:
    assert carry_out(lambda: "done", left=timedelta(hours=1)) == "done"


@pytest.mark.parametrize("declared", [{"tries_again": 60}, {"tries_again": timedelta(0)}, {"cadence": Every(hours=1)}])
def test_it_is_refused_where_it_cannot_be_kept(declared: dict[str, Any]) -> None:
    with pytest.raises(BadJob, match="tries_again is for what comes once a session"):
        declare(**declared)
