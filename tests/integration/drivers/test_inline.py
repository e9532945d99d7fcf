"""Runs carried out in this process: claimed once, bounded in time, and ended in the ledger whatever the body does."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from celery import current_task
from celery.exceptions import Reject
from django.db import connection
from django.db.models.functions import Now

from tests.integration.drivers.workplace import Workplace, workplace
from thor.jobs import inline
from thor.jobs.inline import Inline
from thor.jobs.models import Lane, Run, State
from thor.jobs.protocol import BENCH, HANDS, DeclaredJob, HeartbeatContext, JobRegistry
from thor.markets import registry as markets
from thor.markets.models import Market
from thor.timing import During, Every, OncePerSession

__all__ = ["workplace"]

TENTH = timedelta(seconds=0.1)


def in_a_thread(work: Callable[[], object]) -> list[BaseException]:
    """Do `work` in another thread; return what it raised."""
    raised: list[BaseException] = []

    def target() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=target)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()
    return raised


def busy(seconds: float) -> None:
    """Take so long, in small steps."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


def test_a_run_is_claimed_called_and_ended(workplace: Workplace) -> None:
    workplace.declare("job", lambda: {"rows": 3})
    workplace.begin()

    failed = workplace.hands.carry_out(workplace.errand("job"))

    run = workplace.run("job")
    assert not failed
    assert (run.state, run.result, run.attempt) == (State.SUCCEEDED, '{"rows": 3}', 1)
    assert run.hostname == workplace.hands.hostname
    assert workplace.calls[0][1].nominal_at == run.nominal_at


def test_two_threads_with_one_errand_call_its_body_once(workplace: Workplace) -> None:
    workplace.declare("job", lambda: time.sleep(0.2))
    workplace.begin()
    errand = workplace.errand("job")
    threads = [threading.Thread(target=in_a_thread, args=(lambda: Inline().carry_out(errand),)) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(workplace.calls) == 1
    assert (workplace.run("job").state, workplace.run("job").attempt) == (State.SUCCEEDED, 1)


def test_a_body_that_raises_is_recorded_and_the_others_run(workplace: Workplace) -> None:
    def breaks() -> None:
        raise ValueError("no use")

    workplace.declare("bad", breaks)
    workplace.declare("good")
    workplace.begin()
    registry = JobRegistry()
    for spec in workplace.jobs.values():
        registry.register(DeclaredJob(spec))
    context = HeartbeatContext(logging.getLogger("test"), {BENCH: workplace.bench, HANDS: workplace.hands})

    ran = registry.run_pending(context)

    assert ran == [workplace.name("bad"), workplace.name("good")]
    assert (workplace.run("bad").state, workplace.run("bad").reason) == (State.FAILED, "ValueError: no use")
    assert workplace.run("good").state == State.SUCCEEDED
    workplace.after(1)
    assert workplace.name("bad") in workplace.bench.jobs_due()


def test_a_body_that_ends_the_process_loses_its_run_alone(workplace: Workplace) -> None:
    workplace.declare("job", lambda: sys.exit(3))
    workplace.begin()

    assert workplace.hands.carry_out(workplace.errand("job"))

    assert (workplace.run("job").state, workplace.run("job").reason) == (State.LOST, "the body ended the process: 3")


@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_a_body_that_takes_too_long_is_ended(workplace: Workplace, where: str) -> None:
    workplace.declare("job", lambda: busy(60), time_limit=TENTH)
    workplace.begin()
    errand = workplace.errand("job")
    before = signal.getsignal(signal.SIGALRM)

    if where == "main thread":
        workplace.hands.carry_out(errand)
    else:
        assert in_a_thread(lambda: workplace.hands.carry_out(errand)) == []

    run = workplace.run("job")
    assert (run.state, "time limit of 0.1 s" in run.reason) == (State.FAILED, True)
    assert signal.getsignal(signal.SIGALRM) == before
    assert workplace.hands.hanging is None


def test_a_timer_that_ran_before_runs_on_after_a_body(workplace: Workplace) -> None:
    workplace.declare("job")
    workplace.begin()
    before = signal.setitimer(signal.ITIMER_REAL, 200)
    try:
        workplace.hands.carry_out(workplace.errand("job"))

        assert 100 < signal.getitimer(signal.ITIMER_REAL)[0] <= 200
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_the_main_thread_is_woken_from_a_long_sleep(workplace: Workplace) -> None:
    workplace.declare("job", lambda: time.sleep(120), time_limit=TENTH)
    workplace.begin()

    workplace.hands.carry_out(workplace.errand("job"))

    assert workplace.run("job").state == State.FAILED


@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_a_limit_that_meets_the_end_of_a_body_hits_nothing_else(workplace: Workplace, where: str) -> None:
    workplace.declare("job", lambda: busy(0.02), time_limit=timedelta(seconds=0.02))
    workplace.begin()

    def work() -> None:
        for _ in range(25):
            workplace.hands.carry_out(workplace.errand("job"))
            workplace.after(1)

    if where == "main thread":
        work()
    else:
        assert in_a_thread(work) == []

    begun = list(Run.objects.filter(attempt__gt=0).values_list("state", flat=True))
    assert len(begun) == 25
    assert set(begun) <= {State.SUCCEEDED, State.FAILED}


@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_a_body_that_swallows_the_exception_counts_as_hanging(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(inline, "PATIENCE", 0.2)
    seen: list[str] = []

    def deaf() -> None:
        try:
            busy(60)
        except Exception:
            while not workplace.hands.hanging:
                time.sleep(0.01)
            seen.append(workplace.hands.hanging.job)

    workplace.declare("job", deaf, time_limit=TENTH)
    workplace.begin()
    errand = workplace.errand("job")

    if where == "main thread":
        workplace.hands.carry_out(errand)
    else:
        assert in_a_thread(lambda: workplace.hands.carry_out(errand)) == []

    assert seen == [workplace.name("job")]
    assert workplace.hands.hanging is None
    assert workplace.run("job").state == State.SUCCEEDED


def test_a_run_once_a_session_that_is_put_off_comes_again(workplace: Workplace) -> None:
    workplace.declare("capture", cadence=OncePerSession(), window=During("open"), markets=("usa",))
    lead = workplace.begin()
    Market.objects.filter(key="usa").update(active=False)
    markets.forget()

    workplace.hands.carry_out(workplace.errand("capture"))

    run = workplace.run("capture")
    assert (run.state, run.lane, run.attempt) == (State.DUE, Lane.ASKED, 0)
    assert "not active" in run.reason
    lead._outgoing.release()
    assert workplace.bench.jobs_due() == []

    Market.objects.filter(key="usa").update(active=True)
    markets.forget()
    Run.objects.update(not_before=Now())
    lead._outgoing.release()
    workplace.hands.carry_out(workplace.errand("capture"))

    run = workplace.run("capture")
    assert (run.state, run.attempt, len(workplace.calls)) == (State.SUCCEEDED, 1, 1)


def test_a_run_that_waits_for_the_one_before_it_comes_again(workplace: Workplace) -> None:
    workplace.declare("job", overlap="queue_one", deadline=timedelta(minutes=5))
    lead = workplace.begin()
    first = workplace.errand("job")
    Run.objects.filter(uid=first.uid).update(state=State.STARTED, started_at=Now())
    workplace.after(1)

    workplace.hands.carry_out(workplace.errand("job"))

    assert (workplace.run("job").state, workplace.run("job").lane) == (State.DUE, Lane.ASKED)
    Run.objects.filter(uid=first.uid).update(state=State.SUCCEEDED)
    lead._outgoing.release()
    workplace.hands.carry_out(workplace.errand("job"))
    assert workplace.run("job").state == State.SUCCEEDED
    assert len(workplace.calls) == 1


def test_a_body_that_wants_to_try_again_comes_again_from_the_ledger_and_not_too_often(workplace: Workplace) -> None:
    def tries() -> None:
        raise current_task.retry(countdown=0, max_retries=2)

    workplace.declare("job", tries, cadence=Every(seconds=3600), deadline=timedelta(minutes=5))
    lead = workplace.begin()
    Run.objects.update(due_at=Now(), deadline_at=Now() + timedelta(minutes=5))
    crashed = []
    for attempt in (1, 2):
        crashed.append(workplace.hands.carry_out(workplace.errand("job")))
        run = workplace.run("job")
        assert (run.state, run.lane, run.attempt, run.reason) == (State.DUE, Lane.ASKED, attempt, "retry")
        lead._outgoing.release()

    crashed.append(workplace.hands.carry_out(workplace.errand("job")))

    assert crashed == [False, False, True]
    assert (workplace.run("job").state, workplace.run("job").attempt) == (State.FAILED, 3)


def test_a_body_that_wants_to_try_again_later_waits_in_the_ledger(workplace: Workplace) -> None:
    def tries() -> None:
        raise current_task.retry(countdown=100)

    workplace.declare("job", tries, cadence=Every(seconds=3600))
    lead = workplace.begin()
    workplace.hands.carry_out(workplace.errand("job"))

    lead._outgoing.release()

    assert (workplace.run("job").lane, workplace.bench.jobs_due()) == (Lane.ASKED, [])


def test_a_run_that_its_body_hands_back_comes_again(workplace: Workplace) -> None:
    def rejects() -> None:
        if len(workplace.calls) == 1:
            raise Reject("not here", requeue=True)

    workplace.declare("job", rejects, cadence=Every(seconds=3600), deadline=timedelta(minutes=5))
    lead = workplace.begin()
    workplace.hands.carry_out(workplace.errand("job"))
    assert (workplace.run("job").state, workplace.run("job").lane) == (State.DUE, Lane.ASKED)

    lead._outgoing.release()
    workplace.hands.carry_out(workplace.errand("job"))

    assert (workplace.run("job").state, workplace.run("job").attempt) == (State.SUCCEEDED, 2)


def test_those_that_wait_their_turn_are_seen_to_wait(workplace: Workplace) -> None:
    context = HeartbeatContext(logging.getLogger("test"), {BENCH: workplace.bench, HANDS: workplace.hands})
    seen: list[int] = []
    markets = ("usa", "globex", "crypto")
    workplace.declare("job", lambda: seen.append(workplace.bench.depth("default")), markets=markets)
    workplace.begin()

    begun = DeclaredJob(workplace.jobs[workplace.name("job")]).run(context)

    assert (begun, seen) == (3, [2, 1, 0])


def test_the_end_asked_for_puts_the_rest_back(workplace: Workplace) -> None:
    context = HeartbeatContext(logging.getLogger("test"), {BENCH: workplace.bench, HANDS: workplace.hands})
    workplace.declare("job", context.stop_event.set, markets=("usa", "globex", "crypto"))
    workplace.begin()

    begun = DeclaredJob(workplace.jobs[workplace.name("job")]).run(context)

    assert (begun, workplace.bench.depth("default")) == (1, 2)
    workplace.bench.close()
    found = sorted(Run.objects.filter(task=workplace.name("job")).values_list("state", "lane"))
    assert found == [(State.DUE, Lane.ASKED), (State.DUE, Lane.ASKED), (State.SUCCEEDED, Lane.DIRECT)]
