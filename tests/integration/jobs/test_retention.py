"""Old runs go, in chunks; what may still be needed stays."""

import uuid
from datetime import datetime, timedelta

import pytest

from thor.jobs.models import Run, State
from thor.jobs.retention import purge

pytestmark = pytest.mark.django_db


def ran(at: datetime, state: str, *, brief: bool = False) -> Run:
    return Run.objects.create(
        uid=uuid.uuid4(), entry=uuid.uuid4(), name="x", task="x", nominal_at=at, due_at=at, deadline_at=at,
        decided_at=at, state=state, brief=brief,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "brief", "age", "stays"),
    [
        (State.SUCCEEDED, True, timedelta(hours=47), True),
        (State.SUCCEEDED, True, timedelta(hours=49), False),
        (State.SUCCEEDED, False, timedelta(hours=49), True),
        (State.SUCCEEDED, False, timedelta(days=15), False),
        (State.MISSED, True, timedelta(days=13), True),
        (State.MISSED, True, timedelta(days=15), False),
        (State.FAILED, True, timedelta(days=15), True),
        (State.LOST, False, timedelta(days=91), False),
        (State.DUE, False, timedelta(days=365), True),
        (State.STARTED, True, timedelta(days=365), True),
    ],
)
def test_each_kind_is_kept_as_long_as_it_should_be(
    at: datetime, state: str, brief: bool, age: timedelta, stays: bool
) -> None:
    ran(at - age, state, brief=brief)

    assert purge() == (0 if stays else 1)

    assert Run.objects.exists() == stays


def test_a_purge_goes_in_chunks_and_stops_where_it_should(at: datetime) -> None:
    for _ in range(25):
        ran(at - timedelta(days=30), State.SUCCEEDED)

    assert purge(chunk=10, most=2) == 20
    assert purge(chunk=10, most=2) == 5
