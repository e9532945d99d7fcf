"""The run at a close waits for the one of the second before: no later run makes up for it."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.integration.drivers.conftest import START
from tests.integration.drivers.workplace import Workplace, workplace
from thor.jobs.models import Lane, Run, State
from thor.timing import During

__all__ = ["workplace"]

#: New York's close of that Friday.
CLOSE = START + timedelta(hours=6)
SECOND = timedelta(seconds=1)


@pytest.fixture
def before_close(workplace: Workplace) -> Callable[..., Run]:
    """Declare a job of each second and of the close, and begin; the run of the last second is returned."""

    def begin(**declared: Any) -> Run:
        workplace.clock.set(CLOSE - SECOND)
        workplace.declare("grading", window=During("open"), markets=("usa",), **declared)
        workplace.begin()
        last = workplace.run("grading")
        assert (last.nominal_at, last.state) == (CLOSE - SECOND, State.DUE)
        return last

    return begin


def finish(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, finished_at=Now())


def start(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(state=State.STARTED, started_at=Now(), token=uuid.uuid4())


def test_the_run_at_the_close_waits_for_a_body_that_is_still_at_work(
    workplace: Workplace, before_close: Callable[..., Run]
) -> None:
    last = before_close(also_at={"session_end"})
    workplace.errand("grading")
    start(last)

    workplace.after(1)
    workplace.hands.carry_out(workplace.errand("grading"))

    waiting = workplace.run("grading")
    assert (waiting.nominal_at, waiting.state, waiting.lane) == (CLOSE, State.DUE, Lane.ASKED)
    finish(last)
    workplace.lead._outgoing.release()
    workplace.hands.carry_out(workplace.errand("grading"))
    assert workplace.run("grading").state == State.SUCCEEDED
    assert [occurrence.nominal_at for _, occurrence in workplace.calls] == [CLOSE]


def test_the_run_at_the_close_is_decided_while_the_one_before_it_has_not_begun(
    workplace: Workplace, before_close: Callable[..., Run]
) -> None:
    before_close(also_at={"session_end"})

    workplace.after(1)
    for errand in workplace.errands("grading"):
        workplace.hands.carry_out(errand)

    assert [occurrence.nominal_at for _, occurrence in workplace.calls] == [CLOSE - SECOND, CLOSE]


def test_a_run_of_any_other_second_is_left_out(workplace: Workplace) -> None:
    workplace.clock.set(CLOSE - 3 * SECOND)
    workplace.declare("grading", window=During("open"), markets=("usa",), also_at={"session_end"})
    workplace.begin()
    start(workplace.run("grading"))

    workplace.after(1)

    assert (workplace.run("grading").state, workplace.run("grading").reason) == (State.SKIPPED, "overlap")
