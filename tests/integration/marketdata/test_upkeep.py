"""What the feed process does beside publishing: strangers, splits, silences, quiet incidents."""

import threading
import time
from datetime import timedelta

import numpy as np
import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from thor.marketdata import feedloop, incidents, keys, known_splits, stream
from thor.marketdata.feeds.recording import recording
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.models import FeedIncident, Instrument, Split
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.upkeep import SPLITS, Upkeep
from thor.timing import ManualClock

VENUE = "us_equities"
T0 = ns("2014-06-09T13:30")


def feed_of(symbol: str, *prices: float) -> ReplayFeed:
    at = T0 + np.arange(len(prices))
    made = recording(symbol, VENUE, symbol, "trade", at, price=np.array(prices), size=np.ones(len(prices)))
    return ReplayFeed(VENUE, [made])


@pytest.mark.django_db
def test_a_symbol_that_is_no_instrument_is_named_once(store: redis.Redis) -> None:
    publisher = Publisher(feed_of("ZZZZ", 1.0, 1.0), store, "here", Begin("run", at=T0))
    upkeep = Upkeep([publisher], ManualClock(utc("2014-06-09T13:30")))

    for now in (1, 2):
        publisher.turn(T0 + now)
        upkeep.once()

    row = FeedIncident.objects.get()
    assert (row.symbol, row.kind, row.count, row.source) == ("ZZZZ", "unknown", 1, "REPLAY")
    assert Instrument.objects.filter(symbol="ZZZZ").count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("symbol", "said"), [("ES", "trades on globex: dropped"), ("TOTAL", "name of the composite")])
def test_a_symbol_of_another_venue_never_comes_in(store: redis.Redis, symbol: str, said: str) -> None:
    publisher = Publisher(feed_of(symbol, 0.5, 0.6), store, "here", Begin("run", at=T0))
    upkeep = Upkeep([publisher], ManualClock(utc("2014-06-09T13:30")))
    upkeep.load()

    publisher.turn(T0 + 2)
    upkeep.once()

    assert sum(len(batch) for _, batch in stream.read(store, VENUE, after="0-0", count=9)[0]) == 0
    assert not store.hexists(keys.LATEST_QUOTES, symbol)
    row = FeedIncident.objects.get()
    assert (row.symbol, row.kind, row.count) == (symbol, "unknown", 2)
    assert said in row.detail


@pytest.mark.django_db
def test_a_split_that_is_entered_reaches_the_guard_of_a_running_feed(store: redis.Redis) -> None:
    publisher = Publisher(feed_of("AAPL", 645.0, 92.2, 92.3), store, "here", Begin("run", at=T0))
    upkeep = Upkeep([publisher], ManualClock(utc("2014-06-09T13:30")))
    upkeep.load()
    publisher.turn(T0 + 2)
    Split.objects.create(instrument=Instrument.objects.get(symbol="AAPL"), date="2014-06-09", ratio=7)

    for _ in range(SPLITS):
        upkeep.once()
    publisher.turn(T0 + 3)

    sent = [price for _, batch in stream.read(store, VENUE, after="0-0", count=9)[0] for price in batch.price]
    assert sent == [645.0, 92.3]
    assert FeedIncident.objects.get().detail.endswith("Market data, Splits: AAPL, 2014-06-09, 7:1")


@pytest.mark.django_db
def test_a_split_holds_from_the_close_before_its_session(store: redis.Redis) -> None:
    aapl = Instrument.objects.get(symbol="AAPL")
    Split.objects.create(instrument=aapl, date="2014-06-09", ratio=7)
    Split.objects.create(instrument=aapl, date="2014-06-15", ratio=2)

    monday, sunday = known_splits.by_symbol(VENUE, known_splits.entered(VENUE))["AAPL"]

    assert (monday.starts, monday.ends, monday.ratio) == (ns("2014-06-07T00:00"), ns("2014-06-10T00:00"), 7.0)
    assert (sunday.starts, sunday.ends) == (ns("2014-06-15T00:00"), ns("2014-06-16T00:00"))


@pytest.mark.django_db(transaction=True)
def test_the_loop_of_the_feed_process_says_what_it_finds(store: redis.Redis) -> None:
    publisher = Publisher(feed_of("AAPL", 645.0, -1.0, 646.0), store, "here", Begin("run", at=T0))
    clock, stop = ManualClock(utc("2014-06-09T13:30") + timedelta(seconds=1)), threading.Event()
    loop = threading.Thread(target=feedloop.run, args=([publisher], clock, stop))

    loop.start()
    try:
        end = time.monotonic() + 20
        while not FeedIncident.objects.exists() and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        stop.set()
        loop.join(20)

    assert not loop.is_alive()
    assert FeedIncident.objects.get().kind == "bad_price"
    assert not publisher.leading
    assert incidents.flush()
