"""What was handed in is published once, whatever ends the process between reading and publishing."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.integration.marketdata.feed_process import FeedProcesses, feed_house, wait_for
from tests.integration.marketdata.interruption import Interruption, Killed, die, interrupted
from tests.integration.marketdata.test_run_feed import assert_nothing_lost_or_doubled, published
from thor.marketdata import ingress, keys, stream
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.ingress_quotes import judge, written
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.symbols import ALIASES

VENUE = "crypto"
SECOND = 1_000_000_000
#: A plausible price: what jumps is held back behind the feed.
FIRST = 90_000


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[FeedProcesses]:
    """Give feed processes an installation of their own."""
    with feed_house(tmp_path) as processes:
        yield processes


@pytest.fixture
def client(feeds: FeedProcesses) -> redis.Redis:
    """Return a client of that installation's Valkey."""
    return redis.Redis.from_url(feeds.env["REDIS_URL"])


def push(client: redis.Redis, number: int, *, received_ms: int | None = None) -> None:
    text = written([{"symbol": "BTCUSD", "last": FIRST + number, "size": 1}])
    if received_ms is None:
        ingress.append(client, VENUE, judge(text))
    else:
        client.xadd(keys.push(VENUE), {"batch": text}, id=f"{received_ms}-*")


def prices(client: redis.Redis, venue: str = VENUE) -> list[float]:
    batches = [batch for _, batch in stream.read(client, venue, after="0-0", count=10_000)[0]]
    return [price for batch in batches for price in batch.price.tolist()]


@pytest.mark.django_db
def test_killed_at_any_command_each_quote_is_published_once(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, _ = redis_client.time()
    start = (seconds - 100) * SECOND

    def life(name: str) -> None:
        publisher = Publisher(PushFeed(VENUE, dict(ALIASES)), redis_client, name, Begin("PUSH:crypto", at=start))
        for second in range(0, 40, 2):
            publisher.turn(start + second * SECOND)

    number, kills = 0, 0
    while True:
        redis_client.flushall()
        for count in range(30):
            push(redis_client, count, received_ms=start // 1_000_000 + 1000 * count)
        interruption = Interruption(number, die)
        with interrupted(monkeypatch, interruption):
            try:
                life("first")
            except Killed:
                kills += 1
        redis_client.delete(keys.feed_lease(VENUE))
        life("second")
        assert prices(redis_client) == [FIRST + count for count in range(30)], f"killed at command {number}"
        if not interruption.acted:
            break
        number += 3
    assert kills > 10


def test_a_process_killed_between_reading_and_publishing_loses_nothing(
    feeds: FeedProcesses,
    client: redis.Redis,
) -> None:
    sent = 0

    def send_until(condition: object) -> None:
        nonlocal sent

        def more() -> bool:
            nonlocal sent
            push(client, sent)
            sent += 1
            return bool(condition())  # type: ignore[operator]

        wait_for(more)

    first = feeds.start("--venue", VENUE, "--feed", "push", THOR_FAILPOINT="pushread:kill:12")
    wait_for(lambda: client.hget(keys.feed(VENUE), "position"))
    send_until(lambda: first.poll() is not None)
    assert first.returncode == -signal.SIGKILL
    second = feeds.start("--venue", VENUE, "--feed", "push", THOR_FAILPOINT="pushread:kill:20")
    send_until(lambda: second.poll() is not None)
    assert second.returncode == -signal.SIGKILL
    feeds.start("--venue", VENUE, "--feed", "push")
    last = FIRST + sent - 1

    wait_for(lambda: last in prices(client))

    assert prices(client) == [FIRST + number for number in range(sent)]
    assert_nothing_lost_or_doubled(published(client))


@pytest.mark.django_db
def test_quotes_appended_by_another_process_arrive(redis_client: redis.Redis, tmp_path: Path) -> None:
    feed = PushFeed(VENUE, dict(ALIASES))
    command = ["XADD", keys.push(VENUE), "MAXLEN", "~", "10000", "*", "batch"]
    entry = redis_client.execute_command(*command, json.dumps({"quotes": [{"symbol": "BTCUSD", "last": 5}]}))
    at = int(entry.split(b"-")[0]) * 1_000_000

    batch = wait_for(lambda: (found := feed.read(at, at + SECOND)) and len(found) and found)

    assert batch.price.tolist() == [5.0]  # type: ignore[attr-defined]
