"""The mark that tells whether the broker has kept what was published."""

import pytest
import redis

from thor.connections import connect
from thor.drivers.memory import BrokerMemory


@pytest.fixture
def memory(redis_client: redis.Redis) -> BrokerMemory:
    return BrokerMemory("here", redis_client)


def test_a_mark_that_stands_is_moved_on(memory: BrokerMemory) -> None:
    assert memory.remember(41, known=0) is None
    assert memory.remember(57, known=41) is None

    assert memory.forgotten_since(57) is None


def test_a_broker_that_came_back_empty_has_forgotten_everything(
    memory: BrokerMemory, redis_client: redis.Redis
) -> None:
    memory.remember(41, known=0)
    redis_client.flushall()

    assert memory.forgotten_since(41) == 0
    assert memory.remember(57, known=41) == 0


def test_one_restored_from_a_snapshot_has_forgotten_what_came_after_it(memory: BrokerMemory) -> None:
    memory.remember(41, known=0)

    assert memory.forgotten_since(57) == 41


def test_a_mark_that_shows_a_loss_stands_until_the_loss_is_made_good(memory: BrokerMemory) -> None:
    memory.remember(41, known=0)

    assert memory.remember(60, known=57) == 41
    assert memory.forgotten_since(57) == 41

    assert memory.remember(60, known=41) is None
    assert memory.forgotten_since(60) is None


def test_a_broker_that_is_away_says_nothing() -> None:
    memory = BrokerMemory("here", connect("redis://127.0.0.1:1", socket_connect_timeout=0.2))

    assert memory.remember(41, known=0) is None
    assert memory.forgotten_since(41) is None
