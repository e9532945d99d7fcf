"""What is decided waits in this process until its body is called: once, in order, and never only here."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.integration.drivers.workplace import Workplace, workplace
from thor.celery import app
from thor.drivers.bench import Bench
from thor.drivers.pace import Ticks
from thor.jobs import requests
from thor.jobs.models import Lane, Run, State
from thor.operations.simulation import Desk
from thor.timing import Every

__all__ = ["workplace"]

FIVE = timedelta(seconds=5)


def test_what_is_decided_waits_by_job_in_order(workplace: Workplace) -> None:
    workplace.declare("second", markets=("usa", "globex"))
    workplace.declare("first")
    workplace.begin()

    workplace.after(1)

    assert set(workplace.bench.jobs_due()) >= {workplace.name("second"), workplace.name("first")}
    assert {errand.market for errand in workplace.errands("second")} == {"usa", "globex"}
    assert workplace.bench.jobs_due() == [workplace.name("first")]


def test_what_waits_already_is_not_taken_twice(workplace: Workplace) -> None:
    workplace.declare("job")
    lead = workplace.begin()

    lead._outgoing.publish_since(0)
    lead._outgoing.catch_up()

    assert len(workplace.errands("job")) == 1


def test_what_comes_again_after_it_was_taken_is_claimed_once(workplace: Workplace) -> None:
    workplace.declare("job")
    lead = workplace.begin()
    taken = workplace.errand("job")
    lead._outgoing.publish_since(0)
    lead._outgoing.catch_up()

    for errand in (taken, *workplace.errands("job"), taken):
        workplace.hands.carry_out(errand)

    assert len(workplace.calls) == 1
    assert (workplace.run("job").state, workplace.run("job").attempt) == (State.SUCCEEDED, 1)


def test_its_depth_counts_by_queue(workplace: Workplace) -> None:
    workplace.declare("job", queue="trading")
    workplace.declare("other", queue="market_data")
    workplace.begin()

    assert [workplace.bench.depth(queue) for queue in ("trading", "market_data", "default")] == [1, 1, 0]
    workplace.errands("job")
    assert workplace.bench.depth("trading") == 0


def test_what_is_past_its_deadline_waits_here_no_more_and_fills_no_queue(workplace: Workplace) -> None:
    bench, hour = workplace.bench, Every(seconds=3600)
    bench.clock = workplace.clock
    stuck = workplace.declare("stuck", cadence=hour, deadline=timedelta(seconds=5))
    other = workplace.declare("other", cadence=hour, deadline=timedelta(minutes=5))
    workplace.begin()

    workplace.after(5.5)
    assert (bench.depth("default"), bench.count(stuck)) == (2, 1)

    workplace.after(1)
    assert (bench.depth("default"), bench.count(stuck), bench.take_next(stuck, None, 0)) == (1, 0, None)
    assert (bench.jobs_due(), bench.places()) == ([other], [(other, "")])


def test_what_comes_again_with_another_deadline_takes_the_place_of_what_was_too_late(workplace: Workplace) -> None:
    workplace.bench.clock = workplace.clock
    workplace.declare("job", cadence=Every(seconds=3600), deadline=timedelta(seconds=5))
    lead = workplace.begin()
    workplace.clock.advance(timedelta(seconds=10))
    later = workplace.clock.wall() + timedelta(minutes=1)
    Run.objects.update(deadline_at=later)

    lead._outgoing.publish_since(0)
    lead._outgoing.catch_up()

    assert workplace.errand("job").deadline_at == later


def test_in_a_simulation_no_queue_is_ever_full(workplace: Workplace) -> None:
    workplace.bench = Desk()
    name = workplace.declare("job", cadence=Every(seconds=3600), overlap="allow")
    lead = workplace.begin()
    for _ in range(120):
        requests.run_now(name, by="tester", clock=workplace.clock)
        workplace.clock.advance(timedelta(seconds=1))

    taken = []
    for _ in range(4):
        lead._outgoing.release()
        taken.append(len(workplace.errands("job")))

    assert (sum(taken), taken[-1]) == (121, 0)


def test_closing_puts_back_what_nobody_has_begun(workplace: Workplace) -> None:
    workplace.declare("job", deadline=timedelta(minutes=5))
    workplace.declare("begun")
    workplace.begin()
    workplace.hands.carry_out(workplace.errand("begun"))

    workplace.bench.close()

    assert workplace.bench.jobs_due() == []
    assert (workplace.run("job").state, workplace.run("job").lane) == (State.DUE, Lane.ASKED)
    assert workplace.run("begun").state == State.SUCCEEDED


def test_a_successor_carries_out_what_was_put_back(workplace: Workplace) -> None:
    workplace.declare("job", deadline=timedelta(minutes=5))
    workplace.begin()
    workplace.bench.close()

    lead = workplace.begin()
    lead._outgoing.release()
    workplace.hands.carry_out(workplace.errand("job"))

    assert [short for short, _ in workplace.calls] == ["job"]
    assert Run.objects.filter(state=State.SUCCEEDED).count() == 1


def test_what_this_process_cannot_carry_out_stays_in_the_ledger(workplace: Workplace) -> None:
    name = workplace.declare("job")
    app.tasks.pop(name)

    workplace.begin()

    assert workplace.bench.jobs_due() == []
    assert workplace.run("job").state == State.DUE


def test_a_tick_longer_than_the_period_runs_the_newest_slot_and_counts_the_others(workplace: Workplace) -> None:
    workplace.declare("job")
    workplace.begin(Ticks(lambda now: FIVE, FIVE, FIVE))
    for _ in range(20):
        workplace.after(1)
        for errand in workplace.errands("job"):
            workplace.hands.carry_out(errand)

    rows = [(row.state, row.reason, row.count) for row in Run.objects.order_by("nominal_at")]
    newest, older = (State.SUCCEEDED, "", 1), (State.MISSED, "superseded", 4)
    assert rows[-6:] == [older, newest] * 3
    assert sum(count for *_, count in rows) == 21


def test_a_wait_ends_when_something_is_put_here_and_when_it_takes_too_long(workplace: Workplace) -> None:
    workplace.declare("job")
    bench = workplace.bench
    woken: list[str] = []

    def wait() -> None:
        bench.wait(60)
        woken.append("by what came")

    thread = threading.Thread(target=wait)
    thread.start()
    workplace.begin()
    thread.join(timeout=30)
    bench.wait(0.01)  # what woke the other may have left a mark
    bench.wait(0.01)

    assert woken == ["by what came"]


@pytest.fixture
def alarm() -> Iterator[None]:
    """Let the signal that a test sends go back to what it did."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_handler_ends_a_wait(alarm: None) -> None:
    bench = Bench()
    signal.signal(signal.SIGUSR1, lambda *_: bench.wake())
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))

    timer.start()
    began = time.monotonic()
    bench.wait(60)

    assert time.monotonic() - began < 30
