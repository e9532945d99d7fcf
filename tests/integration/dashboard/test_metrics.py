"""What Prometheus is told."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from thor.jobs.models import Run, State
from thor.leadership.term import raise_term
from thor.timing import SystemClock

pytestmark = pytest.mark.django_db


def samples(client: Client) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").content.decode()
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value for sample in found}


def ran(state: str, late: float, *, reason: str = "", count: int = 1) -> None:
    at = SystemClock().now() - timedelta(seconds=20)
    started_at = at + timedelta(seconds=late) if state != State.MISSED else None
    Run.objects.create(
        uid=uuid.uuid4(), entry=uuid.uuid4(), name="x @ y", task="x", nominal_at=at, due_at=at, deadline_at=at,
        decided_at=at, state=state, reason=reason, count=count, started_at=started_at,
    )  # fmt: skip


def test_runs_are_counted_by_state_and_reason(client: Client) -> None:
    ran(State.SUCCEEDED, 0.01)
    ran(State.SUCCEEDED, 0.03)
    ran(State.MISSED, 0, reason="superseded", count=7)

    found = samples(client)

    assert found["thor_runs", "x", "", "succeeded"] == 2
    assert found["thor_runs", "x", "superseded", "missed"] == 7
    assert found["thor_lateness_seconds", "x", "0.99"] == pytest.approx(0.03, abs=1e-6)


def test_the_backlog_is_what_waits(client: Client) -> None:
    ran(State.DUE, 0)

    found = samples(client)

    assert found["thor_backlog_runs",] == 1
    assert 19 <= found["thor_backlog_oldest_seconds",] < 60


def test_the_term_is_told_and_that_nobody_leads(client: Client) -> None:
    raise_term("a", at=SystemClock().now())

    found = samples(client)

    assert found["thor_leader_term",] == 1
    assert found["thor_leader_held",] == 0


def test_from_elsewhere_a_log_in_is_asked_for(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 302
