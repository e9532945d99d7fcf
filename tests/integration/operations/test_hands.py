"""Hands in virtual time: what puts itself off comes again when the clock of the simulation says so."""

from datetime import timedelta

from tests.integration.drivers.conftest import START
from tests.integration.drivers.workplace import Workplace, workplace
from thor.jobs.models import State
from thor.leadership.clock import live_by
from thor.operations.hands import VirtualHands
from thor.timing import Between, OncePerSession, SteppedClock

__all__ = ["workplace"]


def test_what_is_put_off_comes_again_by_the_time_of_the_simulation(workplace: Workplace) -> None:
    answers = ["the account has not been reconciled yet", ""]
    session = {"cadence": OncePerSession(), "window": Between("open", "close"), "markets": ("usa",)}
    workplace.declare("entry", **session, waits_for=lambda at: answers.pop(0))
    workplace.clock.set(START - timedelta(hours=12))
    workplace.begin()
    workplace.clock.set(START)
    workplace.lead.turn()
    clock = SteppedClock(START, timedelta(seconds=1))
    hands = VirtualHands("simulation", clock)
    with live_by(clock):
        hands.carry_out(workplace.errand("entry"))
        waiting = workplace.run("entry")
        (again,) = hands.instants
        clock.step(again - timedelta(seconds=1))
        too_early = hands.release()
        clock.step(again)
        in_time = hands.release()
        workplace.lead._look_around()
        hands.carry_out(workplace.errand("entry"))

    assert (waiting.state, again) == (State.DUE, START + timedelta(seconds=15))
    assert (too_early, in_time) == (False, True)
    assert workplace.run("entry").state == State.SUCCEEDED
    assert hands.instants == []
