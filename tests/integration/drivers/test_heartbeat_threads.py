"""The two threads of a heartbeat: what one does when the other fails, hangs, or takes its time."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis

from thor.drivers import heartbeat as module
from thor.drivers import reign
from thor.drivers.heartbeat import Heartbeat, LeaseHeld
from thor.drivers.lead import Lead
from thor.jobs.models import Worker
from thor.jobs.protocol import JobRegistry
from thor.leadership import elector
from thor.leadership.lease import RedisLease
from thor.leadership.seat import HEARTBEAT
from thor.leadership.selectors import leader_status, lease_key

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
LIFE = timedelta(seconds=8)


class Said(list[str]):
    """What a heartbeat has said."""

    def has(self, words: str) -> bool:
        """Tell whether it was said."""
        return any(words in line for line in self)


@pytest.fixture
def said(redis_client: redis.Redis) -> Said:
    """Return what is said, on a Redis that is empty."""
    return Said()


def beating(said: Said) -> Heartbeat:
    return Heartbeat(JobRegistry(), tempo=lambda now: SECOND, fast=SECOND, slow=SECOND, say=said.append)


def long_lived(heart: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let its lease outlive a machine that stands still for a few seconds; kept alive as often as ever."""
    monkeypatch.setattr(elector, "PROOF_OF_LIFE", LIFE)
    heart.contender.elector._ttl = LIFE


def stopped_when(heart: Heartbeat, condition: Callable[[], object]) -> threading.Thread:
    """Stop it, from another thread, once something is true; after half a minute in any case."""

    def watch() -> None:
        deadline = time.monotonic() + 30
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        heart.stop()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def scheduler_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "thor-scheduler"]


def test_it_leads_until_it_is_stopped_and_leaves_nothing_behind(said: Said) -> None:
    heart = beating(said)
    ready: list[str] = []
    watcher = stopped_when(heart, lambda: ready)

    heart.run(lambda: ready.append("ready"))
    watcher.join()

    assert ready == ["ready"]
    assert said == ["Leader lock acquired"]
    assert not leader_status().is_held
    assert scheduler_threads() == []
    assert Worker.objects.count() == 0


def test_it_may_be_stopped_before_it_begins(said: Said) -> None:
    heart = beating(said)
    heart.stop()

    heart.run(lambda: said.append("ready"))

    assert said == []
    assert not leader_status().is_held


def test_an_error_of_the_scheduler_ends_it_with_the_lease_free(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Lead) -> None:
        raise RuntimeError("a mistake of ours")

    heart = beating(said)
    monkeypatch.setattr(Lead, "turn", broken)

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        heart.run()

    assert not leader_status().is_held
    assert scheduler_threads() == []


def test_where_another_holds_the_lease_it_says_who(
    said: Said, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    RedisLease(redis_client, lease_key(HEARTBEAT)).acquire("somebody:1:else", timedelta(seconds=30))

    with pytest.raises(LeaseHeld, match="somebody:1:else holds the leader lock"):
        beating(said).run()

    assert said == []
    assert leader_status().holder == "somebody:1:else"


def test_a_first_look_that_takes_long_is_no_lease_of_another(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Lead):
        def __init__(self, *args: Any, **values: Any) -> None:
            end = time.monotonic() + 6
            while time.monotonic() < end:
                time.sleep(0.5)
                values["alive"]()
            super().__init__(*args, **values)

    monkeypatch.setattr(module, "PATIENCE", 5.0)
    monkeypatch.setattr(reign, "Lead", Slow)
    heart = beating(said)
    long_lived(heart, monkeypatch)
    watcher = stopped_when(heart, lambda: said.has("acquired"))

    heart.run()
    watcher.join()

    assert said.has("Leader lock acquired")


def test_a_body_keeps_the_lease_of_a_heartbeat_that_goes_on(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    heart = beating(said)
    long_lived(heart, monkeypatch)
    terms: list[int] = []

    def body() -> None:
        terms.append(leader_status().term)
        time.sleep(1.25 * LIFE.total_seconds())  # longer than a lease lives that nobody renews
        terms.append(leader_status().term)
        assert leader_status().is_held
        heart.stop()

    heart.run(body)

    assert terms == [1, 1]
