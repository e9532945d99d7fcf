"""The push feed passes the suite of all feeds, and gives each quote once however often and by whomever it is read."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.contracts.feed_conformance import FeedConformance, assert_same, named
from tests.contracts.pushed import SECOND, START, VENUE, new_feed, push
from thor.env import Env
from thor.marketdata import keys, stream
from thor.marketdata.feeds import excel
from thor.marketdata.feeds import push as push_feed
from thor.marketdata.feeds.excel import SOURCE as EXCEL
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.ingress_quotes import MOST_BYTES
from thor.marketdata.models import FeedIncident
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.symbols import ALIASES

pytestmark = pytest.mark.django_db  # what a source does wrong is written down


def fill(client: redis.Redis, source: str = "") -> None:
    """Hand in five minutes of quotes: with times of their own and without, in their place, late, and ahead."""
    for number in range(300):
        received_at = START + number * SECOND
        quotes: list[dict[str, Any]] = [
            {"symbol": "/ES", "last": 6000 + number % 7, "size": number % 3, "bid": 5999.75, "ask": 6000.25},
            {"symbol": "30YrBond", "bid": 111.5 + number / 32, "bid_size": 3, "ask_size": 9},
            {"symbol": "$DXY", "price": 99.5, "volume": 10 * number, "at": received_at - 200_000_000},
        ]
        if number % 50 == 49:
            quotes.append({"symbol": "RT", "last": 2000, "at": received_at - 700_000_000})
        push(client, received_at, *quotes, source=source)


class TestPush(FeedConformance):
    """What was handed in by processes that do not say who they are."""

    @pytest.fixture
    def feed(self, redis_client: redis.Redis) -> Feed:
        fill(redis_client)
        return new_feed()

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return START + 10 * SECOND, START + 280 * SECOND

    def test_another_process_reads_the_same(self, feed: Feed, interval: tuple[int, int]) -> None:
        assert_same(new_feed().read(*interval), feed.read(*interval))


class TestExcel(FeedConformance):
    """What the reader of a workbook has handed in."""

    @pytest.fixture
    def feed(self, redis_client: redis.Redis) -> Feed:
        fill(redis_client, EXCEL)
        return PushFeed(VENUE, dict(ALIASES), source=EXCEL)

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return START, START + 60 * SECOND


@pytest.fixture
def feed(redis_client: redis.Redis) -> PushFeed:
    return new_feed()


def test_all_spellings_become_canonical_and_figures_arrive_in_their_columns(
    feed: PushFeed, redis_client: redis.Redis
) -> None:
    figures = {"last": 6000.25, "bid": 6000, "ask": 6000.5, "bid_size": 4, "ask_size": 5, "volume": 1000}
    push(redis_client, START, {"symbol": "/es", **figures, "at": "2026-03-02T15:30:00+01:00"})
    push(redis_client, START + 1, {"symbol": "T-Bond", "bid": 111.5, "volume": 7})

    batch = feed.read(START, START + SECOND)

    assert named(batch) == ["ES", "ZB"]
    assert batch.at.tolist() == [START, START]
    columns = [batch.price, batch.bid, batch.ask, batch.bid_size, batch.ask_size, batch.cumulative]
    assert [float(column[0]) for column in columns] == [6000.25, 6000.0, 6000.5, 4.0, 5.0, 1000.0]
    assert str(batch.cumulative[1]) == "nan", "volume without a trade waits for the next trade"


def test_a_side_that_is_not_above_zero_costs_that_side(redis_client: redis.Redis) -> None:
    push(redis_client, START, {"symbol": "ES", "last": 6000, "bid": 0, "ask": 6000.5}, {"symbol": "NQ", "last": -1})
    publisher = Publisher(new_feed(), redis_client, "here", Begin("x", at=START - SECOND))
    publisher.turn(START + 2 * SECOND, quiet=0)

    ((_, batch),) = stream.read(redis_client, VENUE, after="0-0", count=10)[0]
    assert named(batch) == ["ES"]
    assert (str(batch.bid[0]), float(batch.ask[0])) == ("nan", 6000.5)
    assert {(one.symbol, one.kind) for one in FeedIncident.objects.all()} == {("ES", "bad_price"), ("NQ", "bad_price")}


def test_an_entry_that_is_too_large_is_not_judged(feed: PushFeed, redis_client: redis.Redis) -> None:
    text = json.dumps({"quotes": [{"symbol": "ES", "last": 1}]}) + " " * MOST_BYTES
    redis_client.xadd(keys.push(VENUE), {"batch": text}, id=f"{START // 1_000_000}-0")

    assert len(feed.read(START, START + SECOND)) == 0
    assert "a batch has at most 256 kB" in FeedIncident.objects.get().detail


def test_figures_of_reference_are_kept_beside_the_ticks(feed: PushFeed, redis_client: redis.Redis) -> None:
    push(redis_client, START, {"symbol": "RT", "last": 2000, "previous_close": 1990.5, "high_52w": 2500})
    push(redis_client, START + SECOND, {"symbol": "RTY", "previous_close": 1991})

    batch = feed.read(START, START + 2 * SECOND)

    assert len(batch) == 1, "a quote of reference alone is no tick"
    assert feed.reference == {"RTY": {"previous_close": 1991.0, "high_52w": 2500.0}}


def test_batches_say_where_they_come_from_if_their_entries_agree(feed: PushFeed, redis_client: redis.Redis) -> None:
    push(redis_client, START, {"symbol": "ES", "last": 1}, source="EXCEL")
    push(redis_client, START + 10 * SECOND, {"symbol": "ES", "last": 1}, source="EXCEL")
    push(redis_client, START + 11 * SECOND, {"symbol": "ES", "last": 1})

    assert feed.read(START, START + SECOND).source == "EXCEL"
    assert feed.read(START + SECOND, START + 2 * SECOND).source == "EXCEL", "silence does not change who speaks"
    assert feed.read(START + 2 * SECOND, START + 20 * SECOND).source == "PUSH"


def test_what_is_no_batch_costs_itself_and_is_said_once(
    feed: PushFeed, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for number, text in enumerate(
        ["", "[]", '{"quotes": [1, {"symbol": "NQ", "lst": 3}, {"symbol": "ES", "last": 2}]}']
    ):
        redis_client.xadd(keys.push(VENUE), {"batch": text}, id=f"{START // 1_000_000 + number}-0")
    redis_client.xadd(keys.push(VENUE), {"other": "field"}, id=f"{START // 1_000_000 + 9}-0")

    with caplog.at_level("WARNING", logger="thor.marketdata"):
        first, again = feed.read(START, START + SECOND), feed.read(START, START + SECOND)

    assert (named(first), named(again)) == (["ES"], ["ES"])
    said = [record.getMessage() for record in caplog.records if "thor.push.refused" in record.getMessage()]
    assert len(said) == 5
    assert 'a quote has no field "lst"' in " ".join(said)


@pytest.mark.parametrize("open_feeds", [push_feed.open_feeds, excel.open_feeds])
def test_what_lives_in_the_present_is_refused_in_a_replay(
    open_feeds: Callable[[FeedRequest], list[Feed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Env(_env_file=None, THOR_CLOCK="replay", THOR_REPLAY_START="2013-10-07T13:30:00+00:00")
    monkeypatch.setattr(push_feed, "env", lambda: settings)

    with pytest.raises(FeedRefused, match="is live and cannot keep step with a replay; unset THOR_CLOCK"):
        open_feeds(FeedRequest(venues=[VENUE]))


def test_feeds_are_opened_for_the_venues_wanted_and_a_workbook_for_one() -> None:
    instruments = {"globex": [], "crypto": []}

    assert [feed.identity for feed in push_feed.open_feeds(FeedRequest(instruments=instruments))] == [
        "PUSH:globex",
        "PUSH:crypto",
    ]
    assert [feed.identity for feed in excel.open_feeds(FeedRequest(venues=["globex"]))] == ["EXCEL:globex"]
    for venues in ([], ["globex", "crypto"]):
        with pytest.raises(FeedRefused, match="name the one venue that it prices: THOR_FEED=globex=excel"):
            excel.open_feeds(FeedRequest(venues=venues))
