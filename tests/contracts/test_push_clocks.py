"""Clocks of those who push, and of Thor: a quote keeps its time, and what was read stays as it was read."""

import json

import pytest
import redis

from tests.contracts.pushed import SECOND, START, VENUE, new_feed, push
from thor.marketdata import keys
from thor.marketdata.feeds.push import GRACE, PushFeed
from thor.marketdata.models import FeedIncident

pytestmark = pytest.mark.django_db  # what a source does wrong is written down


@pytest.fixture
def feed(redis_client: redis.Redis) -> PushFeed:
    return new_feed()


def time_of(client: redis.Redis) -> int:
    """Return what Redis's clock says, in ns."""
    seconds, micros = client.time()
    return (seconds * 1_000_000 + micros) * 1000


def test_a_late_quote_is_handed_on_once_with_its_own_time(feed: PushFeed, redis_client: redis.Redis) -> None:
    late = START + SECOND
    push(redis_client, START + 10 * SECOND, {"symbol": "ES", "last": 1, "at": late})

    parts = [feed.read(at, at + SECOND) for at in range(START, START + 20 * SECOND, SECOND)]

    found = [part for part in parts if len(part)]
    assert [part.at.tolist() for part in found] == [[late]]
    assert found[0].watermark == START + 10 * SECOND, "due half a second before it was received"


def test_a_clock_ahead_of_ours_does_not_stamp_the_future(feed: PushFeed, redis_client: redis.Redis) -> None:
    push(redis_client, START, {"symbol": "ES", "last": 1, "at": START + 3600 * SECOND})

    batch = feed.read(START - SECOND, START + SECOND)

    assert batch.at.tolist() == [START]


def test_a_clock_behind_ours_is_said_where_it_is_no_accident(feed: PushFeed, redis_client: redis.Redis) -> None:
    for number in range(19):
        at = START + number * SECOND
        push(redis_client, at, {"symbol": "ES", "last": 1, "at": at - 55 * SECOND}, source="SLOW")
        push(
            redis_client, at, {"symbol": "ES", "last": 1, "at": at - SECOND}, {"symbol": "NQ", "last": 1, "at": at - 20}
        )
    feed.read(START, START + 20 * SECOND)
    assert not FeedIncident.objects.exists()

    push(redis_client, START + 30 * SECOND, {"symbol": "ES", "last": 1, "at": START - 25 * SECOND}, source="SLOW")
    feed.read(START + 20 * SECOND, START + 40 * SECOND)

    (told,) = FeedIncident.objects.all()
    assert (told.kind, told.count) == ("late", 20)
    assert told.detail.startswith("SLOW: clock behind: quotes are 55 s old when they come; set the clock")


def test_what_is_not_over_yet_is_not_promised(feed: PushFeed, redis_client: redis.Redis) -> None:
    began = time_of(redis_client)
    entry = redis_client.xadd(keys.push(VENUE), {"batch": json.dumps({"quotes": [{"symbol": "ES", "last": 1}]})})
    received_at = int(entry.split(b"-")[0]) * 1_000_000

    batch = feed.read(began - SECOND, began + 3600 * SECOND)

    assert began - GRACE - SECOND // 1000 <= batch.watermark <= time_of(redis_client) - GRACE
    assert len(batch) == (received_at < batch.watermark), "it waits for those that may still come before it"


def test_a_clock_that_was_set_back_adds_nothing_to_what_was_read(feed: PushFeed, redis_client: redis.Redis) -> None:
    now = time_of(redis_client)
    push(redis_client, now - 10 * SECOND, {"symbol": "ES", "last": 1})
    read = feed.read(now - 20 * SECOND, now - 5 * SECOND)

    with pytest.raises(redis.ResponseError, match="smaller"):  # what a clock five seconds back would append
        push(redis_client, now - 8 * SECOND, {"symbol": "ES", "last": 2})
    redis_client.xadd(keys.push(VENUE), {"batch": json.dumps({"quotes": [{"symbol": "ES", "last": 3}]})})

    assert read.price.tolist() == [1]
    assert feed.read(now - 20 * SECOND, now - 5 * SECOND).price.tolist() == [1]


def test_a_stream_that_is_not_there_yet_is_sealed_too(feed: PushFeed, redis_client: redis.Redis) -> None:
    feed.read(START, START + SECOND)

    with pytest.raises(redis.ResponseError, match="smaller"):
        push(redis_client, START + SECOND // 2, {"symbol": "ES", "last": 1})
    assert redis_client.xlen(keys.push(VENUE)) == 0
