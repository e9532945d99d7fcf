"""A live feed that was away for long: nobody takes the minutes in between for observed."""

from datetime import timedelta

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.opening import DAY, SECOND, watch
from thor.marketdata import stream
from thor.marketdata.feeds.port import Traded
from thor.marketdata.feeds.simulated import SimulatedFeed
from thor.marketdata.models import SessionCapture, VwapSample
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services import intraday
from thor.marketdata.services.market_open_capture import capture_open

pytestmark = pytest.mark.django_db(transaction=True)

VENUE = "us_equities"


def listen(store: redis.Redis, feed: SimulatedFeed, begin: str, end: str) -> str:
    """Feed from one time to another, in a process of its own, and return the name of the run."""
    publisher = Publisher(feed, store, begin, Begin(feed.identity))
    for now in range(ns(begin), ns(end) + 1, 5 * SECOND):
        publisher.turn(now)
    publisher.stop()
    intraday.step_once(market=VENUE, at=utc(end))
    known = stream.position(store, VENUE)
    assert known is not None
    return known.run


def test_an_open_that_no_feed_saw_is_captured_late(store: redis.Redis) -> None:
    watch("SPY")
    feed = SimulatedFeed(VENUE, [Traded("SPY", 0.01, "equity")])

    before = listen(store, feed, "2026-03-02T12:55", "2026-03-02T13:00")
    after = listen(store, feed, "2026-03-02T15:30", "2026-03-02T15:32")
    capture_open(market="usa", at=utc("2026-03-02T15:32"), session_date=DAY, patience=timedelta(0))

    assert (before, after) == (feed.identity, f"{feed.identity}#{ns('2026-03-02T15:30')}")
    session = SessionCapture.objects.get()
    assert (session.late, session.captured_at) == (True, utc("2026-03-02T15:31"))
    away = VwapSample.objects.filter(minute_at__gt=utc("2026-03-02T13:00"), minute_at__lt=utc("2026-03-02T15:31"))
    assert not away.exists()


def test_a_run_that_began_anew_is_gone_on_with_after_a_short_gap(store: redis.Redis) -> None:
    feed = SimulatedFeed(VENUE, [Traded("SPY", 0.01, "equity")])
    listen(store, feed, "2026-03-02T14:30", "2026-03-02T14:31")

    first = listen(store, feed, "2026-03-02T15:30", "2026-03-02T15:31")
    second = listen(store, feed, "2026-03-02T15:40", "2026-03-02T15:41")

    assert first == second != feed.identity
    (_, last), *_ = reversed(stream.read(store, VENUE, after="0-0", count=1000)[0])
    assert last.watermark == ns("2026-03-02T15:41")
