"""The threads of the legacy stack: what becomes of its supervisors when the loop that leads fails."""

import time
from collections.abc import Callable, Iterator

import pytest
import redis

from thor.drivers import supervisor
from thor.drivers.lead import Lead
from thor.drivers.mode import Mode, mode, set_mode
from thor.drivers.supervisor import Stack

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stack(redis_client: redis.Redis) -> Iterator[Stack]:
    """Return a stack in legacy mode, on a Redis that is empty."""
    before = mode()
    set_mode(Mode.LEGACY)
    made = Stack(delay=0.0)
    yield made
    made.stop(30)
    set_mode(before)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_supervisors_rest_when_the_loop_fails(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Lead) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(supervisor, "PAUSE", 600.0)  # it does not begin again
    stack.start()
    wait_for(lambda: stack.leads and stack.crew.names())

    monkeypatch.setattr(Lead, "turn", broken)

    wait_for(lambda: not stack.leads)
    wait_for(lambda: not stack.crew.names())
    assert stack.is_alive


def test_deadlines_are_by_the_clock_of_whoever_decides(stack: Stack) -> None:
    stack.start()
    wait_for(lambda: stack.leads)

    assert stack._contender is not None
    assert stack.bench.clock is stack._contender.reign.clock
