"""The feed's edge: bad ticks are kept out, said, and judged alike whoever publishes."""

import json

import numpy as np
import pytest
import redis

from tests.integration.marketdata.conftest import ns
from thor.marketdata import keys, stream
from thor.marketdata.feeds.recording import recording
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.models import FeedIncident
from thor.marketdata.publisher import Begin, Publisher

VENUE = "us_equities"
T0 = ns("2013-10-07T13:30")
PRICES = [100.0, 101.0, -5.0, 160.0, 161.0, 102.0, 160.0, 161.0, 162.0, 163.0, 0.0, 164.0]


def feed_of(prices: list[float]) -> ReplayFeed:
    at = T0 + np.arange(len(prices))
    made = recording("SPY", VENUE, "SPY", "trade", at, price=np.array(prices), size=np.ones(len(prices)))
    return ReplayFeed(VENUE, [made])


def published(store: redis.Redis) -> list[tuple[int, float, int]]:
    batches = [batch for _, batch in stream.read(store, VENUE, after="0-0", count=1000)[0] if len(batch)]
    return [
        (int(at) - T0, float(price), batch.first + number)
        for batch in batches
        for number, (at, price) in enumerate(zip(batch.at, batch.price, strict=True))
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1, 2, 3, 5, 12])
def test_the_same_ticks_are_published_by_however_many_processes(store: redis.Redis, step: int) -> None:
    for now in range(step, len(PRICES) + step, step):
        # A process that was killed leaves its lease; the next one waits for that to expire.
        store.delete(keys.feed_lease(VENUE))
        Publisher(feed_of(PRICES), store, f"process {now}", Begin("run", at=T0)).turn(
            T0 + min(now, len(PRICES)), quiet=9
        )

    assert published(store) == [
        (0, 100.0, 0),
        (1, 101.0, 1),
        (5, 102.0, 2),
        (8, 162.0, 3),
        (9, 163.0, 4),
        (11, 164.0, 5),
    ]
    found = set(FeedIncident.objects.values_list("symbol", "kind", "count", "source"))
    assert found == {("SPY", "bad_price", 2, "REPLAY"), ("SPY", "jump", 4, "REPLAY")}
    assert json.loads(store.hget(keys.LATEST_QUOTES, "SPY") or b"")["last"] == 164.0


@pytest.mark.django_db
def test_ticks_that_are_all_held_back_are_not_read_again(store: redis.Redis) -> None:
    publisher = Publisher(feed_of([100.0, 200.0, 300.0]), store, "here", Begin("run", at=T0))

    for now in (1, 2, 2, 3, 3, 3):
        publisher.turn(T0 + now, quiet=99)

    assert [price for _, price, _ in published(store)] == [100.0]
    assert FeedIncident.objects.get().count == 2


@pytest.mark.django_db
def test_another_run_waits_for_nothing(store: redis.Redis) -> None:
    Publisher(feed_of([100.0, 200.0, 200.0]), store, "here", Begin("one", at=T0)).turn(T0 + 3)
    Publisher(feed_of([200.0]), store, "here", Begin("two", at=T0)).turn(T0 + 3)

    assert [price for _, price, _ in published(store)] == [100.0, 200.0]
    assert stream.held(store, VENUE) == ""


@pytest.mark.django_db
def test_a_feed_says_what_else_it_knows_of_a_symbol(store: redis.Redis) -> None:
    feed = feed_of([100.0])
    feed.reference = {"SPY": {"previous_close": 99.5, "high_52w": 120.0, "sentiment": 1.0}}

    Publisher(feed, store, "here", Begin("run", at=T0)).turn(T0 + 3)

    found = json.loads(store.hget(keys.LATEST_QUOTES, "SPY") or b"")
    assert (found["previous_close"], found["high_52w"], found["last"]) == (99.5, 120.0, 100.0)
    assert "sentiment" not in found
    assert found["last_at"] == found["at"] == "2013-10-07T13:30:00+00:00"
