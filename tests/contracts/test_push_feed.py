"""The push feed passes the suite of all feeds, and gives each quote once however often and by whomever it is read."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.contracts.feed_conformance import FeedConformance, assert_same, named
from tests.integration.marketdata.conftest import ns
from thor.env import Env
from thor.marketdata import ingress, keys, stream
from thor.marketdata.feeds import excel
from thor.marketdata.feeds import push as push_feed
from thor.marketdata.feeds.excel import SOURCE as EXCEL
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.feeds.push import GRACE, PushFeed
from thor.marketdata.ingress_quotes import MOST_BYTES
from thor.marketdata.models import FeedIncident
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.symbols import ALIASES

VENUE = "globex"
START = ns("2026-03-02T14:30")
pytestmark = pytest.mark.django_db  # what a source does wrong is written down
SECOND = 1_000_000_000


def push(client: redis.Redis, received_at: int, *quotes: dict[str, Any], source: str = "") -> None:
    """Hand quotes in as if they had been received at a time (ns)."""
    document = {"quotes": quotes, **({"source": source} if source else {})}
    client.xadd(keys.push(VENUE), {"batch": json.dumps(document)}, id=f"{received_at // 1_000_000}-*")


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
        return PushFeed(VENUE, dict(ALIASES))

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return START + 10 * SECOND, START + 280 * SECOND

    def test_another_process_reads_the_same(self, feed: Feed, interval: tuple[int, int]) -> None:
        assert_same(PushFeed(VENUE, dict(ALIASES)).read(*interval), feed.read(*interval))


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
    return PushFeed(VENUE, dict(ALIASES))


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


def test_a_side_that_is_not_above_zero_costs_that_side(redis_client: redis.Redis) -> None:
    push(redis_client, START, {"symbol": "ES", "last": 6000, "bid": 0, "ask": 6000.5}, {"symbol": "NQ", "last": -1})
    publisher = Publisher(PushFeed(VENUE, dict(ALIASES)), redis_client, "here", Begin("x", at=START - SECOND))
    publisher.turn(START + 2 * SECOND, quiet=0)

    ((_, batch),) = stream.read(redis_client, VENUE, after="0-0", count=10)[0]
    assert named(batch) == ["ES"]
    assert (str(batch.bid[0]), float(batch.ask[0])) == ("nan", 6000.5)
    assert {(one.symbol, one.kind) for one in FeedIncident.objects.all()} == {("ES", "bad_price"), ("NQ", "bad_price")}


def test_what_is_not_over_yet_is_not_promised(feed: PushFeed, redis_client: redis.Redis) -> None:
    seconds, micros = redis_client.time()
    now = (seconds * 1_000_000 + micros) * 1000
    redis_client.xadd(keys.push(VENUE), {"batch": json.dumps({"quotes": [{"symbol": "ES", "last": 1}]})})

    batch = feed.read(now - SECOND, now + 10 * SECOND)

    assert len(batch) == 0, "it waits for those that may still come before it"
    assert now - GRACE - SECOND <= batch.watermark < now + 10 * SECOND - GRACE


def test_a_clock_that_was_set_back_adds_nothing_to_what_was_read(feed: PushFeed, redis_client: redis.Redis) -> None:
    seconds, micros = redis_client.time()
    now = (seconds * 1_000_000 + micros) * 1000
    push(redis_client, now - 10 * SECOND, {"symbol": "ES", "last": 1})
    read = feed.read(now - 20 * SECOND, now - 5 * SECOND)

    with pytest.raises(redis.ResponseError, match="smaller"):  # what a clock five seconds back would append
        push(redis_client, now - 8 * SECOND, {"symbol": "ES", "last": 2})
    redis_client.xadd(keys.push(VENUE), {"batch": json.dumps({"quotes": [{"symbol": "ES", "last": 3}]})})

    assert read.price.tolist() == [1]
    assert feed.read(now - 20 * SECOND, now - 5 * SECOND).price.tolist() == [1]


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
        batch = (PushFeed(VENUE, dict(ALIASES)) if turns == 20 else feed).read(at, START + 9 * SECOND)
        assert len(judged) - before <= 20
        prices += batch.price.tolist() if turns != 20 else []
        at, turns = batch.watermark if turns != 20 else at, turns + 1

    assert prices == list(range(200))
    assert len(judged) <= 220, "what is held is not read again"


def test_a_stream_that_is_not_there_yet_is_sealed_too(feed: PushFeed, redis_client: redis.Redis) -> None:
    feed.read(START, START + SECOND)

    with pytest.raises(redis.ResponseError, match="smaller"):
        push(redis_client, START + SECOND // 2, {"symbol": "ES", "last": 1})
    assert redis_client.xlen(keys.push(VENUE)) == 0


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
    first = Publisher(PushFeed(VENUE, dict(ALIASES)), redis_client, "first", Begin("x", at=away - SECOND))
    push(redis_client, away, {"symbol": "ES", "last": 6000})
    first.turn(away + 2 * SECOND, quiet=0)
    first.stop()
    for number in range(120):
        push(redis_client, away + (10 + number) * SECOND, {"symbol": "ES", "last": 6000})

    later = away + 3600 * SECOND
    second = Publisher(PushFeed(VENUE, dict(ALIASES)), redis_client, "second", Begin("x"))
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
        one = Publisher(PushFeed(VENUE, dict(ALIASES)), redis_client, f"{number}", Begin("x", at=START))
        one.turn(START + 4 * number * SECOND + SECOND, quiet=0)
        one.stop()

    assert not FeedIncident.objects.exists()


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
