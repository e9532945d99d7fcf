"""Whoever needs everything up to an instant waits for the feeds, and no longer than it has patience."""

import threading
import time
from datetime import timedelta

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata import waiting
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import Bar, VwapSample

pytestmark = pytest.mark.django_db(transaction=True)

OPEN = ns("2026-03-02T14:30")
AT = utc("2026-03-02T14:30")


def test_a_venue_that_never_had_a_feed_is_behind(store: redis.Redis) -> None:
    assert waiting.watermark("globex") is None
    assert waiting.behind(["globex", "globex"], AT) == ["globex"]


def test_a_feed_is_behind_until_it_has_promised_the_instant_itself(store: redis.Redis) -> None:
    script = Script(store)
    script.send(OPEN - 1000)
    assert waiting.behind(["us_equities"], AT) == ["us_equities"]
    assert waiting.watermark("us_equities") == AT - timedelta(microseconds=1)

    script.send(OPEN)

    assert waiting.behind(["us_equities"], AT) == []


def test_patience_ends(store: redis.Redis) -> None:
    Script(store).send(OPEN)
    began = time.monotonic()

    late = waiting.wait_for(["us_equities", "globex"], AT, timedelta(seconds=0.2))

    assert late == ["globex"]
    assert 0.2 <= time.monotonic() - began < 10


def test_a_feed_that_arrives_ends_the_waiting(store: redis.Redis) -> None:
    script = Script(store)
    script.send(OPEN - 1)
    sender = threading.Timer(0.2, script.send, [OPEN])
    sender.start()

    late = waiting.wait_for(["us_equities"], AT, timedelta(seconds=30))
    sender.join()

    assert late == []


def test_nobody_waits_for_feeds_that_are_there(store: redis.Redis) -> None:
    Script(store).send(OPEN)

    assert waiting.wait_for(["us_equities"], AT, timedelta(0)) == []
    assert waiting.wait_for([], AT) == []


def test_everything_before_an_instant_is_stored(store: redis.Redis) -> None:
    Script(store).send(OPEN, ("SPY", OPEN - MINUTE, 600.0, 1.0), ("SPY", OPEN - 1, 601.0, 2.0))

    waiting.flush_until(["us_equities", "globex"], AT)

    assert list(Bar.objects.values_list("start_at", "close")) == [(utc("2026-03-02T14:29"), 601)]
    assert list(VwapSample.objects.values_list("minute_at", "last_price")) == [(AT, 601)]
