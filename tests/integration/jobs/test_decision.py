"""One decision is written once, by the leader, or not at all."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.integration.jobs.conftest import planned
from thor.jobs.decision import Decision, Deposed, decide
from thor.jobs.models import Run, State
from thor.leadership.models import Leader
from thor.leadership.term import raise_term

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Decision]


def test_a_decision_writes_its_rows_and_moves_the_cursor(decision: Make, at: datetime) -> None:
    rows = [planned(uuid.uuid4(), at + timedelta(seconds=n)) for n in range(3)]

    written = decide(decision(*rows, until=at))

    assert [one.state for one in written] == [State.DUE] * 3
    assert [one.seq for one in written] == sorted(one.seq for one in written)
    assert Leader.objects.get().decided_until == at
    assert Run.objects.count() == 3


def test_the_same_decision_twice_leaves_one_row(decision: Make, at: datetime) -> None:
    row = planned(uuid.uuid4(), at)
    decide(decision(row))

    assert decide(decision(row)) == []

    assert Run.objects.count() == 1


def test_a_deposed_leader_writes_nothing(decision: Make, at: datetime) -> None:
    late = decision(planned(uuid.uuid4(), at), until=at + timedelta(hours=1))
    raise_term("successor", at=at)

    with pytest.raises(Deposed):
        decide(late)

    assert Run.objects.count() == 0
    assert Leader.objects.get().decided_until is None


def test_a_part_of_an_instant_does_not_move_the_cursor(decision: Make, at: datetime) -> None:
    decide(decision(planned(uuid.uuid4(), at), until=None))

    assert Leader.objects.get().decided_until is None
    assert Run.objects.count() == 1


def test_a_decision_without_rows_still_moves_the_cursor(decision: Make, at: datetime) -> None:
    assert decide(decision(until=at, published_seq=7)) == []

    assert Leader.objects.get().decided_until == at
    assert Leader.objects.get().published_seq == 7


def test_what_was_published_never_goes_back(decision: Make, at: datetime) -> None:
    decide(decision(published_seq=7, until=at))

    decide(decision(published_seq=3, until=at))

    assert Leader.objects.get().published_seq == 7


def test_an_occurrence_under_another_id_is_still_the_same_occurrence(decision: Make, at: datetime) -> None:
    row = planned(uuid.uuid4(), at)
    decide(decision(row))

    assert decide(decision(replace(row, uid=uuid.uuid4()))) == []

    assert Run.objects.count() == 1


def test_once_a_session_holds_although_the_window_moved(decision: Make, at: datetime) -> None:
    row = planned(uuid.uuid4(), at, once_on=date(2026, 11, 27))
    decide(decision(row))
    moved = planned(row.entry, at + timedelta(hours=1), once_on=date(2026, 11, 27))

    assert decide(decision(moved)) == []


def test_an_occurrence_is_skipped_while_an_earlier_run_is_not_over(decision: Make, at: datetime) -> None:
    entry = uuid.uuid4()
    decide(decision(planned(entry, at, blocked_by="live")))

    written = decide(decision(planned(entry, at + timedelta(seconds=1), blocked_by="live")))

    assert [one.state for one in written] == [State.SKIPPED]
    assert Run.objects.get(state=State.SKIPPED).reason == "overlap"


def test_a_waiting_run_past_its_deadline_blocks_nothing(decision: Make, at: datetime) -> None:
    entry = uuid.uuid4()
    stale = planned(entry, at - timedelta(minutes=5), deadline_at=at - timedelta(minutes=4))
    decide(decision(stale))

    written = decide(decision(planned(entry, at, blocked_by="live")))

    assert [one.state for one in written] == [State.DUE]


def test_queue_one_lets_one_wait_behind_a_started_run(decision: Make, at: datetime) -> None:
    entry = uuid.uuid4()
    first = planned(entry, at, blocked_by="due")
    decide(decision(first))
    Run.objects.update(state=State.STARTED)

    second = decide(decision(planned(entry, at + timedelta(seconds=1), blocked_by="due")))
    third = decide(decision(planned(entry, at + timedelta(seconds=2), blocked_by="due")))

    assert [one.state for one in second] == [State.DUE]
    assert [one.state for one in third] == [State.SKIPPED]


def test_a_one_off_task_is_done_by_the_decision_that_fires_it(decision: Make, at: datetime) -> None:
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="once", task="x", interval=interval, one_off=True)

    decide(decision(planned(uuid.uuid4(), at), done=[task.pk]))

    task.refresh_from_db()
    assert not task.enabled


def test_a_deposed_leader_does_not_end_a_one_off_task(decision: Make, at: datetime) -> None:
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="once", task="x", interval=interval, one_off=True)
    late = decision(planned(uuid.uuid4(), at), done=[task.pk])
    raise_term("successor", at=at)

    with pytest.raises(Deposed):
        decide(late)

    task.refresh_from_db()
    assert task.enabled


def test_a_row_of_dropped_slots_keeps_first_last_and_count(decision: Make, at: datetime) -> None:
    dropped = planned(
        uuid.uuid4(), at, state=State.MISSED, reason="superseded", last_at=at + timedelta(seconds=9), count=10
    )

    decide(decision(dropped))

    run = Run.objects.get()
    assert (run.state, run.reason, run.count) == (State.MISSED, "superseded", 10)
    assert run.last_at == at + timedelta(seconds=9)


def test_terms_strictly_rise(db: None, at: datetime) -> None:
    terms = [raise_term(f"leader {n}", at=at).term for n in range(5)]

    assert terms == sorted(set(terms))
