"""A body that has to wait: real rows, decided by a leader and carried out by real hands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.drivers.conftest import START
from tests.integration.drivers.workplace import Workplace, workplace
from thor.jobs import events, requests
from thor.jobs.models import Run, State
from thor.leadership.clock import live_by
from thor.timing import Between, Every, Latest, OncePerSession, ReplayClock

__all__ = ["workplace"]

REASON = "reconciliation has not said READY since the system started"


class Readiness:
    """What a test lets be ready; it notes when it was asked."""

    def __init__(self) -> None:
        self.is_ready, self.asked = False, list[datetime]()

    def __call__(self, at: datetime) -> str:
        """Say why not."""
        self.asked.append(at)
        return "" if self.is_ready else REASON


def test_what_comes_at_an_interval_is_left_out_with_its_reason_and_asks_again(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, Any]] = []
    monkeypatch.setattr(events, "_subscribers", [lambda name, fields: heard.append((name, fields.get("reason")))])
    ready = Readiness()
    workplace.declare("poll", cadence=Every(minutes=1), waits_for=ready)
    workplace.begin()
    with live_by(workplace.clock):
        workplace.hands.carry_out(workplace.errand("poll"))
        left_out = workplace.run("poll")
        ready.is_ready = True
        workplace.after(60)
        workplace.hands.carry_out(workplace.errand("poll"))

    assert (left_out.state, left_out.reason) == (State.SKIPPED, REASON)
    assert left_out.finished_at is not None
    assert ("thor.run.refused", REASON) in heard
    assert ready.asked == [START, START + timedelta(minutes=1)]
    assert workplace.run("poll").state == State.SUCCEEDED
    assert [short for short, _ in workplace.calls] == ["poll"]


def test_what_comes_once_a_session_is_put_off_until_it_may(workplace: Workplace) -> None:
    ready = Readiness()
    window = Between("open", "close")
    workplace.declare("entry", cadence=OncePerSession(), window=window, markets=("usa",), waits_for=ready)
    workplace.clock.set(START - timedelta(hours=12))
    workplace.begin()
    workplace.clock.set(START)
    workplace.lead.turn()
    with live_by(workplace.clock):
        workplace.hands.carry_out(workplace.errand("entry"))
        waiting = workplace.run("entry")
        ready.is_ready = True
        Run.objects.update(not_before=None)
        workplace.lead._look_around()
        workplace.hands.carry_out(workplace.errand("entry"))

    assert (waiting.state, waiting.reason, waiting.attempt) == (State.DUE, REASON, 0)
    assert waiting.not_before is not None
    assert workplace.run("entry").state == State.SUCCEEDED
    assert Run.objects.filter(task=workplace.name("entry")).count() == 1


def test_what_a_person_asks_for_waits_as_well(workplace: Workplace) -> None:
    name = workplace.declare("poll", cadence=Every(hours=24), waits_for=Readiness())
    workplace.begin()

    with live_by(workplace.clock):
        requests.run_now(name, by="boss", clock=workplace.clock)
        workplace.lead._look_around()
        workplace.hands.carry_out(workplace.errand("poll"))

    assert (workplace.run("poll").state, workplace.run("poll").reason) == (State.SKIPPED, REASON)
    assert workplace.calls == []


def test_what_fails_once_a_session_is_called_anew_within_it(workplace: Workplace) -> None:
    troubles = [ConnectionError("the broker did not answer")]

    def work() -> None:
        if troubles:
            raise troubles.pop()

    declared: dict[str, Any] = {"cadence": OncePerSession(), "window": Between("open", "close"), "markets": ("usa",)}
    workplace.declare("entry", work, **declared, tries_again=timedelta(minutes=1), catch_up=Latest(timedelta(hours=7)))
    workplace.clock.set(START - timedelta(hours=12))
    workplace.begin()
    workplace.clock.set(START)
    workplace.lead.turn()
    with live_by(workplace.clock):
        workplace.hands.carry_out(workplace.errand("entry"))
        waiting = workplace.run("entry")
        Run.objects.update(not_before=None)
        workplace.lead._look_around()
        workplace.hands.carry_out(workplace.errand("entry"))

    assert (waiting.state, waiting.reason) == (State.DUE, "ConnectionError: the broker did not answer")
    assert workplace.run("entry").state == State.SUCCEEDED
    assert [short for short, _ in workplace.calls] == ["entry", "entry"]


def in_a_replay(workplace: Workplace, at: datetime) -> ReplayClock:
    """Return the clock of a replay at a hundred times the pace, which is at `at` now."""
    wall = workplace.clock.wall()
    return ReplayClock(at, wall, 100, timedelta(seconds=1), wall=workplace.clock)


def decided(workplace: Workplace, **declared: Any) -> None:
    """Let a job that comes once a session be decided; it has time until New York closes."""
    declared |= {"cadence": OncePerSession(), "window": Between("open", "close"), "markets": ("usa",)}
    workplace.declare("entry", **declared)
    workplace.clock.set(START - timedelta(hours=12))
    workplace.begin()
    workplace.clock.set(START)
    workplace.lead.turn()


def test_a_replay_waits_by_its_own_time(workplace: Workplace) -> None:
    decided(workplace, waits_for=Readiness())
    with live_by(in_a_replay(workplace, workplace.run("entry").nominal_at + timedelta(minutes=1))):
        before = datetime.now(UTC)
        workplace.hands.carry_out(workplace.errand("entry"))

    waiting = workplace.run("entry")
    assert (waiting.state, waiting.reason) == (State.DUE, REASON)
    assert waiting.not_before is not None
    assert waiting.not_before - before < timedelta(seconds=10)


def test_a_replay_that_is_past_the_deadline_waits_no_more_and_tells_for_what_it_has_waited(
    workplace: Workplace,
) -> None:
    decided(workplace, waits_for=Readiness())
    errand = workplace.errand("entry")
    deadline_at = datetime.fromisoformat(errand.header["deadline_at"])
    with live_by(in_a_replay(workplace, deadline_at - timedelta(seconds=10))):
        workplace.hands.carry_out(errand)

    missed = workplace.run("entry")
    assert (missed.state, missed.reason) == (State.MISSED, f"deadline: {REASON}")
    assert missed.finished_at is not None


def test_a_claim_that_comes_too_late_tells_for_what_the_run_has_waited(workplace: Workplace) -> None:
    decided(workplace, waits_for=Readiness())
    with live_by(workplace.clock):
        errand = workplace.errand("entry")
        workplace.hands.carry_out(errand)
        Run.objects.update(not_before=None, deadline_at=datetime.now(UTC) - timedelta(seconds=1))
        workplace.hands.carry_out(errand)

    assert (workplace.run("entry").state, workplace.run("entry").reason) == (State.MISSED, f"deadline: {REASON}")
    assert workplace.calls == []
