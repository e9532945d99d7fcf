"""A live feed and its publisher: what came in is published once, whatever Redis does meanwhile."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import ns
from thor.marketdata import keys, publisher, stream
from thor.marketdata.feeds.buffer import Tick
from thor.marketdata.feeds.live import LiveFeed
from thor.marketdata.publisher import Begin, Publisher

pytestmark = pytest.mark.django_db

VENUE = "us_equities"
SECOND = 10**9
T0 = ns("2026-03-02T16:00")


class NoLink:
    """A link that nobody opens: the tests put ticks into the buffer themselves."""

    reference_of: str | None = None

    async def open(self) -> None:
        raise ConnectionError

    async def receive(self) -> list[Tick]:
        return []

    async def close(self) -> None:
        return None

    def reference(self) -> Mapping[str, Mapping[str, float]]:
        return {}


def feed_of(monkeypatch: pytest.MonkeyPatch, *, most: int = 200_000) -> LiveFeed:
    feed = LiveFeed(VENUE, "LIVE", f"LIVE:{VENUE}", NoLink(), most=most)
    monkeypatch.setattr(feed, "_listen", lambda *_: None)
    return feed


def ticks_of(*offsets: int) -> list[Tick]:
    return [Tick(T0 + offset, "SPY", 600.0, 1.0) for offset in offsets]


def begun(feed: LiveFeed, store: redis.Redis) -> Publisher:
    found = Publisher(feed, store, "here", Begin(feed.identity))
    found.turn(T0)
    return found


def published(store: redis.Redis) -> list[int]:
    batches = [batch for _, batch in stream.read(store, VENUE, after="0-0", count=10_000)[0]]
    return [int(at) - T0 for batch in batches for at in batch.at]


def fail_once(monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool = False) -> None:
    """Let the call of `publish` with this number fail, before it has done anything or `after` it has done all."""
    real: Callable[..., Any] = stream.publish
    calls = [0]

    def failing(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] != number:
            return real(*given, **named)
        if after:
            real(*given, **named)
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(stream, "publish", failing)


def turn_and_lose(publishing: Publisher, now: int) -> None:
    with pytest.raises(redis.ConnectionError):
        publishing.turn(now)
    publishing.lose()


def test_what_redis_did_not_take_is_published_when_it_is_back(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_of(monkeypatch)
    publishing = begun(feed, store)
    feed._buffer.put(ticks_of(*range(100)))
    fail_once(monkeypatch, 1)

    turn_and_lose(publishing, T0 + SECOND)
    for second in range(2, 5):
        publishing.turn(T0 + second * SECOND)

    assert published(store) == list(range(100))


@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_a_batch_that_was_published_in_part_only_the_rest_comes_again(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch, number: int, answer_lost: bool
) -> None:
    monkeypatch.setattr(publisher, "MOST_TICKS", 10)
    feed = feed_of(monkeypatch)
    publishing = begun(feed, store)
    feed._buffer.put(ticks_of(*range(35)))
    fail_once(monkeypatch, number, after=answer_lost)

    turn_and_lose(publishing, T0 + SECOND)
    feed._buffer.put(ticks_of(SECOND))
    for second in range(2, 5):
        publishing.turn(T0 + second * SECOND)

    assert published(store) == [*range(35), SECOND]


def test_what_is_given_back_does_not_outgrow_the_buffer(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = feed_of(monkeypatch, most=10)
    publishing = begun(feed, store)
    feed._buffer.put(ticks_of(*range(8)))
    fail_once(monkeypatch, 1)

    turn_and_lose(publishing, T0 + SECOND)
    feed._buffer.put(ticks_of(*range(8, 16)))
    publishing.turn(T0 + 2 * SECOND)

    publishing.turn(T0 + 3 * SECOND)

    assert published(store) == list(range(6, 16))


def test_who_takes_over_gets_nothing_that_another_was_handed(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_of(monkeypatch)
    publishing = begun(feed, store)
    feed._buffer.put(ticks_of(*range(8)))
    fail_once(monkeypatch, 1)
    turn_and_lose(publishing, T0 + SECOND)

    store.set(keys.feed_lease(VENUE), "another")
    publishing.turn(T0 + 2 * SECOND)
    store.delete(keys.feed_lease(VENUE))
    publishing.turn(T0 + 3 * SECOND)

    assert published(store) == []


def test_what_waited_while_another_fed_unseen_is_not_published_twice(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, other = feed_of(monkeypatch), feed_of(monkeypatch)
    publishing = begun(feed, store)
    feed._buffer.put(ticks_of(1))
    publishing.turn(T0 + SECOND)
    publishing.lose()
    store.delete(keys.feed_lease(VENUE))
    second = Publisher(other, store, "there", Begin(other.identity))
    for waiting in (feed, other):
        waiting._buffer.put(ticks_of(2 * SECOND))
    second.turn(T0 + 3 * SECOND)
    store.delete(keys.feed_lease(VENUE))

    for later in (4, 5, 6):
        publishing.turn(T0 + later * SECOND)

    assert published(store) == [1, 2 * SECOND]


def test_a_late_tick_at_the_begin_waits_for_the_first_promise(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_of(monkeypatch)
    publishing = begun(feed, store)
    feed._buffer.put(ticks_of(-5))
    fail_once(monkeypatch, 1)

    publishing.turn(T0 + 1)
    turn_and_lose(publishing, T0 + SECOND)
    publishing.turn(T0 + 2 * SECOND)
    publishing.turn(T0 + 3 * SECOND)

    assert published(store) == [-5]
