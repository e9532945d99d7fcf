"""What every lease must do: Redis's, and its twin in memory."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import redis

from thor.connections import connect
from thor.leadership.lease import Lease, LeaseUnreachable, RedisLease
from thor.testing.lease import InMemoryLease

#: So long that no pause of the machine ends it, and so short that its end can be waited for.
TTL, SHORT = timedelta(minutes=5), timedelta(milliseconds=200)


@dataclass
class Case:
    """A lease, a way to let its time pass, and one that is cut off."""

    lease: Lease
    wait: Callable[[float], None]
    unreachable: Lease


@pytest.fixture(params=["in memory", "redis"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "in memory":
        now = [0.0]
        cut = InMemoryLease(lambda: now[0])
        cut.cut()
        yield Case(InMemoryLease(lambda: now[0]), lambda seconds: now.__setitem__(0, now[0] + seconds), cut)
        return
    client: redis.Redis = request.getfixturevalue("redis_client")
    nobody = connect("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    yield Case(RedisLease(client, "thor:test"), time.sleep, RedisLease(nobody, "thor:test"))


def test_a_free_lease_is_gained_by_one_alone(case: Case) -> None:
    assert case.lease.acquire("a", TTL)

    assert not case.lease.acquire("b", TTL)
    holding = case.lease.holding()
    assert holding is not None
    assert holding.holder == "a"
    assert timedelta(0) < holding.remaining <= TTL


def test_the_holder_may_ask_again(case: Case) -> None:
    assert case.lease.acquire("a", TTL)

    assert case.lease.acquire("a", TTL)


def test_renewal_sets_the_time_to_live_and_does_not_add_to_it(case: Case) -> None:
    case.lease.acquire("a", TTL)

    for _ in range(5):
        assert case.lease.renew("a", TTL)

    holding = case.lease.holding()
    assert holding is not None
    assert holding.remaining <= TTL


def test_a_lease_that_is_not_renewed_expires(case: Case) -> None:
    case.lease.acquire("a", SHORT)

    case.wait(SHORT.total_seconds() + 0.1)

    assert case.lease.holding() is None
    assert case.lease.acquire("b", TTL)


def test_a_stale_holder_cannot_renew_after_takeover(case: Case) -> None:
    case.lease.acquire("a", SHORT)
    case.wait(SHORT.total_seconds() + 0.1)
    case.lease.acquire("b", TTL)

    assert not case.lease.renew("a", TTL)

    holding = case.lease.holding()
    assert holding is not None
    assert holding.holder == "b"


def test_a_stale_holder_cannot_release_its_successors_lease(case: Case) -> None:
    case.lease.acquire("a", SHORT)
    case.wait(SHORT.total_seconds() + 0.1)
    case.lease.acquire("b", TTL)

    assert not case.lease.release("a")

    assert case.lease.holding() is not None


def test_a_released_lease_is_free_at_once(case: Case) -> None:
    case.lease.acquire("a", TTL)

    assert case.lease.release("a")

    assert case.lease.acquire("b", TTL)


def test_nobody_renews_what_nobody_holds(case: Case) -> None:
    assert not case.lease.renew("a", TTL)
    assert not case.lease.release("a")


@pytest.mark.parametrize("call", ["acquire", "renew", "release", "holding"])
def test_an_unreachable_lease_says_so(case: Case, call: str) -> None:
    arguments = {"acquire": ("a", TTL), "renew": ("a", TTL), "release": ("a",), "holding": ()}[call]

    with pytest.raises(LeaseUnreachable):
        getattr(case.unreachable, call)(*arguments)
