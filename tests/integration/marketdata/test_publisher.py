"""Publishing: cut between instants, resumed where it stopped, one snapshot a symbol and batch."""

import contextlib
import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import redis

from tests.integration.marketdata.conftest import ns
from tests.integration.marketdata.publishing import feed_through
from thor.marketdata import keys, publisher, stream
from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.feeds.recording import recording
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.foldbook import AMEND_FOR
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.symbols import ALIASES
from thor.marketdata.ticks import TickBatch

VENUE = "us_equities"
T0 = ns("2013-10-07T13:30")


def feed_of(*instants: int, price: float = 10.0) -> ReplayFeed:
    at = np.array(instants)
    count = len(instants)
    made = recording("SPY", VENUE, "SPY", "trade", at, price=np.full(count, price), size=np.full(count, 2.0))
    return ReplayFeed(VENUE, [made])


def batches(store: redis.Redis) -> list[TickBatch]:
    return [batch for _, batch in stream.read(store, VENUE, after="0-0", count=1000)[0]]


def test_large_batches_are_cut_between_instants(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "MOST_TICKS", 3)
    offsets = [1, 2, 2, 2, 2, 2, 3, 4, 5, 5]

    feed_through(feed_of(*(T0 + offset for offset in offsets)), store, T0, T0 + 100)

    sent = [(batch.at - T0).tolist() for batch in batches(store) if len(batch)]
    assert sent == [[1], [2, 2, 2, 2, 2], [3, 4, 5, 5]] or sent == [[1], [2, 2, 2, 2, 2], [3, 4], [5, 5]]
    assert all(batch.at.max() < batch.watermark for batch in batches(store) if len(batch))


def test_ticks_of_one_instant_stay_together_however_many(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "MOST_TICKS", 3)

    feed_through(feed_of(*[T0 + 1] * 9), store, T0, T0 + 100)

    assert [len(batch) for batch in batches(store) if len(batch)] == [9]


def test_a_silent_feed_publishes_its_watermark(store: redis.Redis) -> None:
    quiet = Publisher(feed_of(T0 + 10 * MINUTE), store, "here", Begin("run", at=T0))

    seen = []
    for offset in range(1, 9):
        quiet.turn(T0 + offset)
        seen.append([batch.watermark - T0 for batch in batches(store)])

    assert seen == [[]] * 3 + [[4]] * 4 + [[8]]


def test_silence_between_ticks_leaves_one_entry(store: redis.Redis) -> None:
    feed_through(feed_of(T0 + 10 * MINUTE, T0 + 20 * MINUTE), store, T0, T0 + 60 * MINUTE)
    publisher = Publisher(feed_of(T0), store, "here", Begin("run", at=T0))
    for minute in range(60, 90):
        publisher.turn(T0 + minute * MINUTE)

    assert [len(batch) for batch in batches(store)] == [1, 1, 0]
    assert batches(store)[-1].watermark == T0 + 89 * MINUTE


def test_a_new_run_takes_the_snapshots_of_the_old_one_away(store: redis.Redis) -> None:
    store.hset(keys.LATEST_QUOTES, "BTCUSD", json.dumps({"venue": "crypto"}))
    Publisher(feed_of(T0 + 1), store, "here", Begin("one", at=T0)).turn(T0 + 5)
    assert store.hexists(keys.LATEST_QUOTES, "SPY")

    Publisher(feed_of(T0 + 10), store, "here", Begin("two", at=T0)).turn(T0 + 5)

    assert store.hkeys(keys.LATEST_QUOTES) == [b"BTCUSD"]


def test_a_watermark_that_passes_a_minute_is_published_at_once(store: redis.Redis) -> None:
    quiet = Publisher(feed_of(T0 + 10 * MINUTE), store, "here", Begin("run", at=T0))

    quiet.turn(T0 + MINUTE)

    assert [batch.watermark for batch in batches(store)] == [T0 + MINUTE]


def test_a_second_publisher_stands_by_and_goes_on_where_the_first_stopped(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "LEASE", timedelta(minutes=5))  # no pause of the machine ends it
    feed = feed_of(*(T0 + offset for offset in range(10)))
    first = Publisher(feed, store, "first", Begin("run", at=T0))
    second = Publisher(feed, store, "second", Begin("run", at=T0))

    first.turn(T0 + 4)
    second.turn(T0 + 6)
    assert (first.leading, second.leading) == (True, False)
    first.stop()
    second.turn(T0 + 10)
    first.turn(T0 + 10)

    assert (first.leading, second.leading) == (False, True)
    assert [(batch.at - T0).tolist() for batch in batches(store)] == [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]]


def test_a_live_feed_begins_now_and_fills_a_short_gap_but_not_a_long_one(store: redis.Redis) -> None:
    def restarted(*turns: int) -> int:
        live = Publisher(feed_of(T0 + 1), store, "here", Begin("run"))
        for now in turns:
            live.turn(now, quiet=0)
        return int(batches(store)[-1].watermark) if batches(store) else 0

    assert restarted(T0 + 10) == 0
    assert restarted(T0 + 10, T0 + 20) == T0 + 20
    assert restarted(T0 + 20 + AMEND_FOR) == T0 + 20 + AMEND_FOR
    assert restarted(T0 + 21 + 2 * AMEND_FOR) == T0 + 20 + AMEND_FOR
    assert restarted(T0 + 21 + 2 * AMEND_FOR, T0 + 22 + 2 * AMEND_FOR) == T0 + 22 + 2 * AMEND_FOR


def test_another_run_numbers_its_ticks_from_nothing(store: redis.Redis) -> None:
    feed = feed_of(T0 + 1, T0 + 2)
    for run in ("one", "two"):
        Publisher(feed, store, "here", Begin(run, at=T0)).turn(T0 + 5)

    assert [(batch.run, batch.first, len(batch)) for batch in batches(store)] == [("one", 0, 2), ("two", 0, 2)]


def test_snapshots_hold_the_last_price_and_the_volume_of_the_day(store: redis.Redis) -> None:
    listener = store.pubsub()
    listener.subscribe(keys.quote_channel("SPY"))
    feed = feed_of(T0 + 1, T0 + 2, T0 + 20)

    for now in (T0 + 10, T0 + 30):
        # A new process each time: it takes over what was published before.
        Publisher(feed, store, "here", Begin("run", at=T0)).turn(now)

    found = json.loads(store.hget(keys.LATEST_QUOTES, "SPY") or b"")
    assert (found["last"], found["volume"], found["source"], found["venue"]) == (10.0, 6.0, "REPLAY", VENUE)
    messages = [listener.get_message(timeout=30) for _ in range(3)]
    assert [message and message["type"] for message in messages] == ["subscribe", "message", "message"]
    heard = [json.loads(message["data"])["volume"] for message in messages[1:] if message]
    assert heard == [4.0, 6.0]
    listener.close()


def test_years_after_the_end_of_a_recording_are_promised_in_one_step(store: redis.Redis) -> None:
    publisher = Publisher(feed_of(T0 + 1), store, "here", Begin("run", at=T0))
    later = T0 + 13 * 365 * 1440 * MINUTE

    turns = 1
    while publisher.turn(later):
        turns += 1

    assert turns <= 3
    assert batches(store)[-1].watermark == later


def push(store: redis.Redis, received: int, *quotes: dict[str, object]) -> None:
    store.xadd(keys.push("globex"), {"batch": json.dumps({"quotes": quotes})}, id=f"{received // 10**6}-*")


def pusher(store: redis.Redis) -> Publisher:
    return Publisher(PushFeed("globex", dict(ALIASES)), store, "here", Begin("run", at=T0 - 10 * 10**9))


@pytest.mark.django_db
def test_many_late_ticks_never_move_the_watermark_back_and_come_once_after_a_kill(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "MOST_TICKS", 10)
    second = 10**9
    old = [{"symbol": "ES", "last": 6000, "size": 1, "at": T0 - 300 * second + number} for number in range(35)]
    push(store, T0, *old)
    real, seen = stream.publish, [T0 - 10 * second]

    def killed_afterwards(*given: Any, **named: Any) -> None:
        seen.append(real(*given, **named).watermark)
        raise redis.ConnectionError("killed")

    monkeypatch.setattr(stream, "publish", killed_afterwards)
    for _ in range(5):
        with contextlib.suppress(redis.ConnectionError):
            pusher(store).turn(T0 + second)
    monkeypatch.setattr(stream, "publish", real)
    pusher(store).turn(T0 + 2 * second)

    found = stream.read(store, "globex", after="0-0", count=1000)[0]
    assert sum(len(batch) for _, batch in found) == 35
    assert seen == sorted(seen)


@pytest.mark.django_db
def test_a_late_tick_does_not_make_a_venue_silent_and_a_new_run_begins_anew(store: redis.Redis) -> None:
    second, feeding = 10**9, pusher(store)
    push(store, T0, {"symbol": "ES", "last": 6000})
    feeding.turn(T0 + second)
    push(store, T0 + 2 * second, {"symbol": "ES", "last": 6000, "at": T0 - 600 * second})
    feeding.turn(T0 + 4 * second)

    assert stream.position(store, "globex").sequence == 2  # type: ignore[union-attr]
    assert int(store.hget(keys.feed("globex"), "ticked") or 0) == T0
    again = Publisher(PushFeed("globex", dict(ALIASES)), store, "here", Begin("another", at=T0 - 5 * second))
    again.turn(T0 - 4 * second, quiet=0)
    assert int(store.hget(keys.feed("globex"), "ticked") or 0) == T0 - 5 * second
