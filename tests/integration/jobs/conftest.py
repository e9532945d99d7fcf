"""Rows to write decisions with."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from thor.jobs.decision import Decision, Planned
from thor.jobs.models import State
from thor.leadership.term import raise_term
from thor.timing import Occurrence, SystemClock, run_id

NOW = SystemClock().now


@pytest.fixture
def at() -> datetime:
    """Return the present: deadlines are judged by the database's own clock."""
    return NOW()


@pytest.fixture
def term(db: None, at: datetime) -> int:
    """Begin a reign."""
    return raise_term("tester", at=at).term


def planned(entry: uuid.UUID, nominal_at: datetime, **changes: Any) -> Planned:
    """Return a row that is due at `nominal_at`, for a minute."""
    values: dict[str, Any] = {
        "uid": run_id(entry, nominal_at),
        "entry": entry,
        "name": "a job @ a market",
        "task": "a_job",
        "market": "",
        "session_date": None,
        "once_on": None,
        "nominal_at": nominal_at,
        "origin": "",
        "due_at": nominal_at,
        "deadline_at": nominal_at + timedelta(minutes=1),
        "state": State.DUE,
        "reason": "",
        "lane": 0,
        "last_at": None,
        "folded_from": None,
        "count": 1,
        "queue": "default",
        "exclusive": True,
        "repeatable": False,
        "brief": False,
        "time_limit": 30.0,
        "blocked_by": "",
        "folds": True,
    }
    return Planned(**{**values, **changes})


@pytest.fixture
def decision(term: int) -> Callable[..., Decision]:
    """Return a maker of decisions of this reign."""

    def make(*rows: Planned, **changes: Any) -> Decision:
        values: dict[str, Any] = {"term": term, "at": NOW(), "until": NOW(), "published_seq": 0, "planned": rows}
        return Decision(**{**values, **changes})

    return make


def occurrence(row: Planned) -> Occurrence:
    """Return the occurrence that a message about the row would carry."""
    return Occurrence(row.entry, row.nominal_at, row.deadline_at)
