"""What a worker and a leader may do to a run."""

import contextlib
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from tests.integration.jobs.conftest import occurrence, planned
from thor.jobs import ledger, outbox, patience
from thor.jobs.claim import Claimed
from thor.jobs.decision import Decision, Planned, decide
from thor.jobs.models import Control, Entry, Lane, Run, State, Worker

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Decision]
BOOT = uuid.uuid4()


def claim(row: Planned) -> Claimed:
    return ledger.claim(row.uid, occurrence(row), worker=BOOT, hostname="here")


@pytest.fixture
def due(decision: Make, at: datetime) -> Planned:
    row = planned(uuid.uuid4(), at)
    decide(decision(row))
    return row


def test_a_run_is_claimed_once(due: Planned) -> None:
    claimed = claim(due)

    with pytest.raises(ledger.AlreadyClaimed):
        claim(due)

    run = Run.objects.get()
    assert (run.state, run.attempt, run.token, run.worker) == (State.STARTED, 1, claimed.token, BOOT)
    assert run.started_at is not None


def test_a_claim_whose_answer_was_lost_is_found_again(due: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    take, answers = ledger._take, iter([OperationalError("the connection broke"), None])

    def lossy(*args: Any, **values: Any) -> object:
        taken, broken = take(*args, **values), next(answers)
        if broken:
            raise broken
        return taken

    monkeypatch.setattr(ledger, "_take", lossy)
    claimed = claim(due)

    assert Run.objects.get().attempt == 1
    assert ledger.succeed(claimed, 1)


def test_of_many_workers_that_claim_at_once_one_succeeds(due: Planned) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        try:
            claim(due)
            outcomes.append("claimed")
        except ledger.AlreadyClaimed:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["claimed"] + ["refused"] * 7


def test_a_claim_past_the_deadline_is_refused_and_recorded(decision: Make, at: datetime) -> None:
    row = planned(uuid.uuid4(), at - timedelta(minutes=2))
    decide(decision(row))

    with pytest.raises(ledger.TooLate):
        claim(row)

    run = Run.objects.get()
    assert (run.state, run.reason, run.started_at) == (State.MISSED, "deadline", None)


def test_a_claim_of_a_paused_entry_is_refused_and_recorded(due: Planned, at: datetime) -> None:
    entry = Entry.objects.create(id=due.entry, name="x", since=at)
    Control.objects.create(entry=entry, paused=True)

    with pytest.raises(ledger.Paused):
        claim(due)

    assert Run.objects.get().state == State.SKIPPED


def test_a_run_that_nobody_decided_is_refused(db: None, at: datetime) -> None:
    with pytest.raises(ledger.UnknownRun):
        claim(planned(uuid.uuid4(), at))


def test_two_runs_of_an_exclusive_entry_never_run_at_once(decision: Make, at: datetime) -> None:
    entry = uuid.uuid4()
    first, second = planned(entry, at), planned(entry, at + timedelta(milliseconds=1))
    decide(decision(first, second))
    claim(first)

    with pytest.raises(ledger.Overlapping):
        claim(second)

    assert Run.objects.get(uid=second.uid).state == State.DUE


def test_runs_of_an_entry_that_allows_overlap_run_at_once(decision: Make, at: datetime) -> None:
    entry = uuid.uuid4()
    rows = [planned(entry, at + timedelta(milliseconds=n), exclusive=False) for n in range(2)]
    decide(decision(*rows))

    for row in rows:
        claim(row)

    assert Run.objects.filter(state=State.STARTED).count() == 2


def test_only_the_claimer_ends_a_run(due: Planned) -> None:
    claimed = claim(due)
    stranger = Claimed(due.uid, uuid.uuid4(), "x", 1, None, 0.0, occurrence(due))

    assert not ledger.succeed(stranger, "stolen")
    assert ledger.succeed(claimed, {"bars": 3})

    run = Run.objects.get()
    assert (run.state, run.result) == (State.SUCCEEDED, '{"bars": 3}')


def test_a_run_ends_once(due: Planned) -> None:
    claimed = claim(due)
    ledger.fail(claimed, "ValueError: no", "Traceback …")

    assert not ledger.succeed(claimed, 1)

    run = Run.objects.get()
    assert (run.state, run.reason) == (State.FAILED, "ValueError: no")


def test_a_run_that_is_tried_again_is_a_new_attempt(due: Planned) -> None:
    first = claim(due)
    assert ledger.reopen(first, wait=timedelta(0))

    second = claim(due)

    assert second.attempt == 2
    assert not ledger.succeed(first, "stale")
    assert ledger.succeed(second, "fresh")


def test_a_retry_moves_the_deadline_by_its_wait(due: Planned) -> None:
    claimed = claim(due)

    ledger.reopen(claimed, wait=timedelta(minutes=10))

    assert Run.objects.get().deadline_at > due.deadline_at + timedelta(minutes=9)


def test_a_run_whose_process_died_is_lost_and_cannot_be_finished(due: Planned) -> None:
    claimed = claim(due)

    assert not ledger.lose(due.uid, "signal 9", worker=uuid.uuid4())
    assert ledger.lose(due.uid, "signal 9", worker=BOOT)

    assert not ledger.succeed(claimed, 1)
    assert Run.objects.get().state == State.LOST


def test_what_nobody_claimed_in_time_is_missed(decision: Make, at: datetime) -> None:
    old, new = planned(uuid.uuid4(), at - timedelta(minutes=5)), planned(uuid.uuid4(), at)
    decide(decision(old, new))

    assert ledger.miss_overdue() == 1

    assert (Run.objects.get(uid=old.uid).state, Run.objects.get(uid=old.uid).reason) == (State.MISSED, "deadline")
    assert Run.objects.get(uid=new.uid).state == State.DUE


def test_what_was_put_off_until_its_deadline_says_what_it_waited_for(decision: Make, at: datetime) -> None:
    late = planned(uuid.uuid4(), at - timedelta(minutes=5))
    decide(decision(late))
    Run.objects.update(reason="reconciliation says SAFE_MODE: heat")

    assert ledger.miss_overdue() == 1

    assert Run.objects.get().reason == "deadline: reconciliation says SAFE_MODE: heat"


def test_runs_of_a_silent_worker_are_lost_and_those_of_a_living_one_are_not(decision: Make, at: datetime) -> None:
    rows = [planned(uuid.uuid4(), at) for _ in range(2)]
    decide(decision(*rows))
    living = uuid.uuid4()
    claim(rows[0])
    ledger.claim(rows[1].uid, occurrence(rows[1]), worker=living, hostname="there")
    earlier = at - timedelta(seconds=60)
    Run.objects.update(started_at=earlier)
    Worker.objects.create(boot=BOOT, hostname="here", started_at=earlier, seen_at=earlier)
    Worker.objects.create(boot=living, hostname="there", started_at=earlier, seen_at=at)

    assert ledger.lose_silent() == 1

    assert Run.objects.get(uid=rows[0].uid).state == State.LOST
    assert Run.objects.get(uid=rows[1].uid).state == State.STARTED


def test_a_run_that_is_far_past_its_time_limit_is_lost_although_its_worker_lives(due: Planned, at: datetime) -> None:
    claim(due)
    Worker.objects.create(boot=BOOT, hostname="here", started_at=at, seen_at=at + timedelta(hours=1))
    Run.objects.update(started_at=at - timedelta(seconds=85))
    assert ledger.lose_overlong() == 0

    Run.objects.update(started_at=at - timedelta(seconds=95))

    assert ledger.lose_overlong() == 1
    assert Run.objects.get().reason == "past its time limit"


def test_a_duplicate_that_is_refused_does_not_end_a_run_that_was_opened_again(due: Planned) -> None:
    ledger.reopen(claim(due), wait=timedelta(0))

    refusal = ledger._refusal(due.uid, uuid.uuid4())

    assert isinstance(refusal, ledger.AlreadyClaimed)
    assert Run.objects.get().state == State.DUE


@pytest.mark.parametrize("text", ["a zero byte \0 inside", "half a pair \ud800 inside"])
def test_an_error_whose_text_no_database_takes_is_recorded_all_the_same(due: Planned, text: str) -> None:
    assert ledger.fail(claim(due), text, text)

    assert "inside" in Run.objects.get().error


def test_what_is_owed_is_what_was_decided_and_not_published(decision: Make, at: datetime) -> None:
    rows = [planned(uuid.uuid4(), at + timedelta(milliseconds=n)) for n in range(3)]
    written = decide(decision(*rows))
    claim(rows[2])

    owed = outbox.owed(written[0].seq)

    assert [run.uid for run in owed] == [rows[1].uid]


def test_a_result_that_json_does_not_know_is_kept_as_text(due: Planned) -> None:
    ledger.succeed(claim(due), object)

    assert "object" in Run.objects.get().result


def lost_by(how: str, run: Planned, at: datetime) -> None:
    """Lose a started run in one of the ways in which runs are lost."""
    if how == "its process died":
        assert ledger.lose(run.uid, "signal 9", worker=BOOT)
    elif how == "its worker fell silent":
        Run.objects.update(started_at=at - timedelta(seconds=60))
        assert ledger.lose_silent() == 1
    else:
        Run.objects.update(started_at=at - timedelta(seconds=95))
        assert ledger.lose_overlong() == 1


WAYS = ("its process died", "its worker fell silent", "it is past its limit")


@pytest.mark.parametrize("how", WAYS)
def test_a_repeatable_run_that_is_lost_waits_to_be_published_again(decision: Make, at: datetime, how: str) -> None:
    row = planned(uuid.uuid4(), at, repeatable=True)
    decide(decision(row))
    stale = claim(row)

    lost_by(how, row, at)

    run = Run.objects.get()
    assert (run.state, run.lane, run.token, run.finished_at) == (State.DUE, Lane.HELD, None, None)
    assert run.reason.startswith("lost: ")
    assert not ledger.succeed(stale, "too late")
    again = claim(row)
    assert again.attempt == 2
    assert not ledger.fail(stale, "too late", "")
    assert ledger.succeed(again, "done")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("hindrance", ["it is not repeatable", "its deadline has passed", "it was lost too often"])
def test_a_run_that_may_not_be_repeated_ends_as_lost(decision: Make, at: datetime, how: str, hindrance: str) -> None:
    row = planned(uuid.uuid4(), at, repeatable=hindrance != "it is not repeatable")
    decide(decision(row))
    stale = claim(row)
    if hindrance == "its deadline has passed":
        Run.objects.update(deadline_at=at - timedelta(seconds=1))
    if hindrance == "it was lost too often":
        Run.objects.update(attempt=ledger.ATTEMPTS)

    lost_by(how, row, at)

    run = Run.objects.get()
    assert (run.state, run.lane) == (State.LOST, Lane.DIRECT)
    assert run.finished_at is not None
    assert not ledger.succeed(stale, "too late")


def test_a_repeatable_run_that_a_person_stopped_is_not_opened_again(decision: Make, at: datetime) -> None:
    row = planned(uuid.uuid4(), at, repeatable=True)
    decide(decision(row))
    claim(row)

    assert ledger.lose(row.uid, "terminated", worker=BOOT, is_wanted=True)

    assert Run.objects.get().state == State.LOST


def statements_of(work: Callable[[], object]) -> int:
    """Return how many statements a piece of work costs."""
    with CaptureQueriesContext(connection) as captured, contextlib.suppress(ledger.Refused):
        work()
    return len(captured)


def test_a_claim_and_an_end_cost_a_statement_each(due: Planned) -> None:
    connection.ensure_connection()
    taken: list[Claimed] = []

    assert statements_of(lambda: taken.append(claim(due))) == 1
    assert statements_of(lambda: ledger.succeed(taken[0], 1)) == 1


def test_a_message_that_comes_again_costs_two_statements(due: Planned) -> None:
    ledger.succeed(claim(due), 1)

    assert statements_of(lambda: claim(due)) == 2
    assert Run.objects.get().attempt == 1


def test_the_lateness_of_a_claim_is_in_milliseconds_by_the_databases_clock(decision: Make, at: datetime) -> None:
    row = planned(uuid.uuid4(), at - timedelta(seconds=5))
    decide(decision(row))

    claimed = claim(row)

    assert 5_000 <= claimed.lateness_ms < 20_000
    assert claimed.lateness_ms == pytest.approx(Run.objects.get().lateness_ms, abs=1)


def test_a_claim_gives_up_soon_while_the_database_is_away(due: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("nobody there")

    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)  # nothing but its own waits takes time
    monkeypatch.setattr(patience, "time", clock)
    monkeypatch.setattr(ledger, "_take", away)

    with pytest.raises(OperationalError):
        claim(due)

    assert 0 < sum(slept) < ledger.CLAIM_SECONDS
    assert Run.objects.get().state == State.DUE


def test_the_next_attempt_of_a_retry_begins_no_earlier_than_it_was_asked_for(due: Planned) -> None:
    assert ledger.reopen(claim(due), wait=timedelta(seconds=60))

    with pytest.raises(ledger.AlreadyClaimed):  # a message that was sent again, by a leader that took over
        claim(due)
    assert Run.objects.get().state == State.DUE

    Run.objects.update(not_before=Now())
    assert claim(due).attempt == 2
