"""Occurrences that an earlier run of their entry stands in the way of, many in a row."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.integration.jobs.conftest import planned
from thor.jobs.decision import Decision, decide
from thor.jobs.models import Run, State

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
ENTRY = uuid.UUID(int=7)


def ledger() -> list[tuple[str, str, int, int | None]]:
    """Return (state, reason, count, seconds from the first to the last) of every row."""
    return [
        (run.state, run.reason, run.count, None if run.last_at is None else (run.last_at - run.nominal_at) // SECOND)
        for run in Run.objects.order_by("nominal_at")
    ]


@pytest.fixture
def start(at: datetime, decision: Callable[..., Decision]) -> datetime:
    """Begin a run that stands in the way."""
    decide(decision(planned(ENTRY, at, blocked_by="live", exclusive=True)))
    Run.objects.update(state=State.STARTED)
    return at


def slots(start: datetime, seconds: range, decision: Callable[..., Decision]) -> None:
    for second in seconds:
        decide(decision(planned(ENTRY, start + second * SECOND, blocked_by="live", exclusive=True)))


def test_overlaps_in_a_row_are_one_row_a_minute(start: datetime, decision: Callable[..., Decision]) -> None:
    slots(start, range(1, 151), decision)

    assert ledger() == [
        ("started", "", 1, None),
        ("skipped", "overlap", 60, 59),
        ("skipped", "overlap", 60, 59),
        ("skipped", "overlap", 30, 29),
    ]


def test_a_run_between_them_begins_a_new_row(start: datetime, decision: Callable[..., Decision]) -> None:
    slots(start, range(1, 4), decision)
    Run.objects.filter(state=State.STARTED).update(state=State.SUCCEEDED)
    slots(start, range(4, 5), decision)
    Run.objects.filter(state=State.DUE).update(state=State.STARTED)

    slots(start, range(5, 8), decision)

    assert [row[:3] for row in ledger()] == [
        ("succeeded", "", 1), ("skipped", "overlap", 3), ("started", "", 1), ("skipped", "overlap", 3),
    ]  # fmt: skip


def test_a_successor_that_decides_the_same_slots_again_counts_none_twice(
    start: datetime, decision: Callable[..., Decision]
) -> None:
    slots(start, range(0, 6), decision)

    slots(start, range(0, 6), decision)

    assert [row[:3] for row in ledger()] == [("started", "", 1), ("skipped", "overlap", 5)]


def test_several_of_one_decision_are_all_counted(start: datetime, decision: Callable[..., Decision]) -> None:
    slots(start, range(1, 2), decision)

    decide(decision(*(planned(ENTRY, start + n * SECOND, blocked_by="live") for n in (2, 3, 4))))

    assert [row[:3] for row in ledger()] == [("started", "", 1), ("skipped", "overlap", 4)]


def test_what_a_replay_has_folded_counts_as_often_as_it_stands_for(
    start: datetime, decision: Callable[..., Decision]
) -> None:
    folded = [planned(ENTRY, start + n * SECOND, blocked_by="live", count=5) for n in (5, 10)]

    decide(decision(folded[0]))
    decide(decision(folded[1]))

    assert [row[:3] for row in ledger()] == [("started", "", 1), ("skipped", "overlap", 10)]


def test_entries_do_not_count_for_each_other(start: datetime, decision: Callable[..., Decision]) -> None:
    slots(start, range(1, 3), decision)

    decide(decision(planned(uuid.UUID(int=8), start + 3 * SECOND, blocked_by="live")))

    assert [row[0] for row in ledger()] == ["started", "skipped", "due"]


def test_an_overlap_after_slots_that_were_dropped_begins_a_new_row(
    start: datetime, decision: Callable[..., Decision]
) -> None:
    slots(start, range(1, 3), decision)
    dropped = planned(
        ENTRY,
        start + 3 * SECOND,
        state=State.MISSED,
        reason="superseded",
        last_at=start + 5 * SECOND,
        count=3,
        folds=False,
    )

    decide(decision(dropped, planned(ENTRY, start + 6 * SECOND, blocked_by="live", exclusive=True, folds=False)))
    slots(start, range(7, 9), decision)

    assert ledger() == [
        ("started", "", 1, None),
        ("skipped", "overlap", 2, 1),
        ("missed", "superseded", 3, 2),
        ("skipped", "overlap", 3, 2),
    ]
