"""The health check tells how everything is, in one line, and stops at nothing that does not answer."""

import logging
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import redis

from tests.integration.trading.memory_desk import MemoryDesk
from thor.jobs.registry import specs
from thor.leadership.clock import live_by
from thor.marketdata import keys
from thor.marketdata.models import Instrument
from thor.timing import ManualClock, Occurrence
from thor.trading.models import Event, Order
from thor.trading.services import health_check
from thor.trading.services.health_check import check_health

pytestmark = pytest.mark.django_db(transaction=True)


def publish_feed(client: redis.Redis, venue: str, *, ticked: datetime) -> None:
    """Let a venue have a feed whose newest tick is of this moment."""
    ns = int(ticked.timestamp()) * 10**9
    fields = {"source": "SIMULATED", "watermark": ns, "sequence": 1, "published_at": "1.000000", "ticked": ns}
    client.hset(keys.feed(venue), mapping=fields)


@pytest.fixture
def desk(redis_client: redis.Redis) -> MemoryDesk:
    found = MemoryDesk()
    found.buy()
    found.broker.quote("QQQ", "400")
    found.buy("5", limit="399.5", symbol="QQQ")
    found.broker.quote("SPY", "103.456")
    return found


def test_account_positions_and_orders_are_told(desk: MemoryDesk, redis_client: redis.Redis) -> None:
    redis_client.rpush("trading", "a", "b")
    redis_client.rpush("trading\x06\x163", "c")

    found = check_health(broker=desk.broker, at=desk.now)

    assert (found["equity"], found["buying_power"]) == ("100034.56", "97002.50")
    assert (found["open_positions"], found["pending_orders"], found["queue"]) == (1, 1, 3)
    assert found["positions"] == [
        {
            "symbol": "SPY", "quantity": "10", "average_entry_price": "100.00", "price": "103.46", "profit": "34.56",
            "profit_percent": "3.46",
        }
    ]  # fmt: skip
    assert found["clock"] == {"state": "open", "source": "calendar"}
    assert found["leader"]["leads"] is False
    assert (found["silent_feeds"], found["feed_ages"]) == ({}, {})
    assert found["failures"] == {}


def test_the_line_in_the_log_is_that_of_the_documents(desk: MemoryDesk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "thor.trading"):
        check_health(broker=desk.broker, at=desk.now)

    line = "Health check | equity=$100034.56 buying_power=$97002.50 open_positions=1 pending_orders=1"
    assert caplog.messages[-1] == line


def test_a_broker_that_does_not_answer_is_named_and_the_rest_is_told(
    desk: MemoryDesk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.broker.cut()

    with caplog.at_level(logging.INFO, "thor.trading"):
        found = check_health(broker=desk.broker, at=desk.now)

    assert set(found["failures"]) == {"account", "positions"}
    assert "cut off" in found["failures"]["account"]
    assert (found["equity"], found["open_positions"], found["pending_orders"]) == (None, None, 1)
    line = "Health check | equity=unknown buying_power=unknown open_positions=unknown pending_orders=1"
    assert caplog.messages[-1] == line


@pytest.mark.parametrize("part", ["silent_for", "feed_status", "standing", "leader_status", "broker_client"])
def test_whatever_fails_is_named_and_ends_nothing(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def fail(*_: object) -> None:
        raise redis.ConnectionError("it is away")

    monkeypatch.setattr(health_check, part, fail)

    found = check_health(broker=desk.broker, at=desk.now)

    assert list(found["failures"].values()) == ["ConnectionError: it is away"]
    assert found["equity"] == "100034.56"


def test_the_age_of_the_newest_tick_of_each_venue_is_told(desk: MemoryDesk, redis_client: redis.Redis) -> None:
    for venue in ("us_equities", "globex", "crypto"):
        Instrument.objects.create(symbol=venue, venue=venue, tick_size="0.01")
    at = desk.now
    publish_feed(redis_client, "us_equities", ticked=at - timedelta(seconds=90))
    publish_feed(redis_client, "globex", ticked=at + timedelta(seconds=1))

    found = check_health(broker=desk.broker, at=at)

    assert found["feed_ages"] == {"us_equities": 90, "globex": 0}
    assert found["failures"] == {}


def test_a_check_that_waited_judges_the_clock_by_the_present_moment(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    monkeypatch.setattr(health_check, "_chosen", lambda: desk.broker)
    monkeypatch.setattr(health_check, "_clock", asked.append)
    due = desk.now

    with live_by(ManualClock(due + timedelta(minutes=10))):
        specs()["health_check"].body(Occurrence(uuid4(), due, due + timedelta(hours=1)))

    assert asked == [due + timedelta(minutes=10)]


def test_nothing_is_changed(desk: MemoryDesk) -> None:
    before = (list(Order.objects.values()), Event.objects.count(), len(desk.broker.requests))

    check_health(broker=desk.broker, at=desk.wait(hours=1))

    assert (list(Order.objects.values()), Event.objects.count(), len(desk.broker.requests)) == before
