"""What waits to be read from the push feed: it comes in portions, and what is lost of it is said once."""

import pytest
import redis

from tests.contracts.pushed import SECOND, START, VENUE, new_feed, push
from thor.marketdata import ingress, keys
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.models import FeedIncident
from thor.marketdata.publisher import Begin, Publisher

pytestmark = pytest.mark.django_db  # what a source does wrong is written down


@pytest.fixture
def feed(redis_client: redis.Redis) -> PushFeed:
    return new_feed()


def test_more_than_one_answer_holds_is_given_in_portions(
    feed: PushFeed, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.marketdata.feeds.push.MOST_TICKS", 5)
    for number in range(20):
        push(redis_client, START + number * SECOND, {"symbol": "ES", "last": number}, {"symbol": "NQ", "last": number})

    prices, at = [], START
    while at < START + 30 * SECOND:
        batch = feed.read(at, START + 30 * SECOND)
        assert len(batch) <= 5
        prices += batch.price.tolist()
        at = batch.watermark

    assert prices == [number for number in range(20) for _ in range(2)]


def test_what_waits_is_read_a_little_at_a_time(
    feed: PushFeed, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more entries than are read at once, many of them received at one instant; a reader that is killed, too."""
    monkeypatch.setattr("thor.marketdata.feeds.push.MOST_TICKS", 20)
    monkeypatch.setattr(ingress, "AT_ONCE", 4)
    for number in range(200):
        push(redis_client, START + number // 50 * SECOND, {"symbol": "ES", "last": number})
    judged: list[int] = []
    real = ingress.batch_of
    monkeypatch.setattr(ingress, "batch_of", lambda fields: judged.append(1) or real(fields))

    prices: list[float] = []
    at, turns = START, 0
    while at < START + 9 * SECOND and turns < 100:
        before = len(judged)
        batch = (new_feed() if turns == 20 else feed).read(at, START + 9 * SECOND)
        assert len(judged) - before <= 20
        prices += batch.price.tolist() if turns != 20 else []
        at, turns = batch.watermark if turns != 20 else at, turns + 1

    assert prices == list(range(200))
    assert len(judged) <= 220, "what is held is not read again"


def test_quotes_that_went_before_they_were_read_are_an_incident(
    feed: PushFeed, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.marketdata.ingress.MOST_ENTRIES", 5)
    for number in range(5):
        push(redis_client, START + number * SECOND, {"symbol": "ES", "last": 6000})

    feed.read(START, START + 2 * SECOND)
    assert not FeedIncident.objects.exists()
    for number in range(5, 9):
        push(redis_client, START + number * SECOND, {"symbol": "ES", "last": 6000})
    redis_client.xtrim(keys.push(VENUE), maxlen=5, approximate=False)
    for _ in range(2):
        feed.read(START + 2 * SECOND, START + 5 * SECOND)

    assert [(one.kind, one.count) for one in FeedIncident.objects.all()] == [("overflow", 1)]


def test_quotes_that_a_feed_begins_behind_are_an_incident(redis_client: redis.Redis) -> None:
    """Given a feed that was away for an hour, and begins at the present again."""
    away = START
    first = Publisher(new_feed(), redis_client, "first", Begin("x", at=away - SECOND))
    push(redis_client, away, {"symbol": "ES", "last": 6000})
    first.turn(away + 2 * SECOND, quiet=0)
    first.stop()
    for number in range(120):
        push(redis_client, away + (10 + number) * SECOND, {"symbol": "ES", "last": 6000})

    later = away + 3600 * SECOND
    second = Publisher(new_feed(), redis_client, "second", Begin("x"))
    for number in range(3):
        second.turn(later + number * SECOND, quiet=0)

    assert [(one.kind, one.count) for one in FeedIncident.objects.all()] == [("lost", 120)]
    assert "120 batches were handed in while no feed read them" in FeedIncident.objects.get().detail


def test_what_was_skipped_is_counted_once_although_the_lease_was_lost(
    feed: PushFeed, redis_client: redis.Redis
) -> None:
    for number in range(7):
        push(redis_client, START + number * SECOND, {"symbol": "ES", "last": 6000})

    for hour in (1, 2):
        feed.read(START + hour * 3600 * SECOND, START + hour * 3600 * SECOND + SECOND)

    assert [(one.kind, one.count) for one in FeedIncident.objects.all()] == [("lost", 7)]


def test_a_feed_that_goes_on_where_another_stopped_skips_nothing(redis_client: redis.Redis) -> None:
    for number in range(20):
        push(redis_client, START + number * SECOND, {"symbol": "ES", "last": 6000})
    for number in range(5):
        one = Publisher(new_feed(), redis_client, f"{number}", Begin("x", at=START))
        one.turn(START + 4 * number * SECOND + SECOND, quiet=0)
        one.stop()

    assert not FeedIncident.objects.exists()
