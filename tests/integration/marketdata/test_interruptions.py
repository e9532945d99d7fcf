"""Killed anywhere, or run twice at once: the same rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pytest
import redis
from django.db import connection

from tests.integration.marketdata.conftest import ns
from tests.integration.marketdata.interruption import Interruption, Killed, die, interrupted
from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.recording import recording
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.models import Bar, VwapSample
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services import closed_bars, intraday, vwap

pytestmark = pytest.mark.django_db(transaction=True)

VENUE = "us_equities"
START = ns("2013-10-07T13:30")
LOOKS = [START + offset * MINUTE // 2 for offset in (1, 3, 6)]


def make_feed() -> ReplayFeed:
    """Return three minutes of SPY and IBM: about thirty trades of random price, time and size."""
    random = np.random.default_rng(7)
    made = []
    for symbol, count in (("SPY", 20), ("IBM", 9)):
        at = START + np.sort(random.integers(0, 3 * MINUTE, count))
        price, size = random.integers(16_000, 17_000, count) / 100, random.integers(1, 900, count).astype(float)
        made.append(recording(symbol, VENUE, symbol, "trade", at, price=price, size=size))
    return ReplayFeed(VENUE, made)


def publish(client: redis.Redis, now: int) -> None:
    """Publish what is due, as a feed process does that has just started."""
    publisher = Publisher(make_feed(), client, "feeder", Begin("run", at=START))
    while publisher.turn(now, quiet=0):
        pass


def scenario(client: redis.Redis) -> list[Callable[[], object]]:
    """Return the steps of three minutes: publish, fold, store, at three looks."""
    steps: list[Callable[[], object]] = []
    for now in LOOKS:
        at = datetime.fromtimestamp(now / 1e9, UTC)
        steps.append(partial(publish, client, now))
        steps += [partial(service, market=VENUE, at=at) for service in (intraday.step_once, vwap.sample_minute)]
        steps.append(partial(closed_bars.flush, market=VENUE, at=at))
    # The runs that come later heal what was interrupted last.
    steps += [partial(service, market=VENUE, at=at) for service in (vwap.sample_minute, closed_bars.flush)]
    return steps


def rows() -> list[Any]:
    bars = Bar.objects.order_by("instrument__symbol", "start_at")
    samples = VwapSample.objects.order_by("instrument__symbol", "minute_at")
    return [
        list(
            bars.values_list(
                "instrument__symbol", "start_at", "open", "high", "low", "close", "volume", "vwap", "ticks"
            )
        ),
        list(samples.values_list("instrument__symbol", "minute_at", "last_price", "cumulative_volume")),
    ]


def clean(client: redis.Redis) -> None:
    client.flushdb()
    Bar.objects.all().delete()
    VwapSample.objects.all().delete()


def carried_out(client: redis.Redis, monkeypatch: pytest.MonkeyPatch, interruption: Interruption) -> list[Any]:
    """Carry the scenario out; a step that is killed is not repeated, as a killed run is not."""
    clean(client)
    with interrupted(monkeypatch, interruption):
        for step in scenario(client):
            try:
                step()
            except Killed:
                continue
    # A killed publisher is started again by whoever supervises it, and the next runs of the jobs come.
    for step in scenario(client)[-6:]:
        step()
    return rows()


def test_killed_before_any_command_or_statement_the_rows_are_the_same(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Interruption(None, die)
    expected = carried_out(store, monkeypatch, counting)
    assert len(expected[0]) == 6
    assert sum(row[-1] for row in expected[0]) == 29
    assert len(expected[1]) == 6

    for number in range(counting.calls):
        bomb = Interruption(number, die)
        assert carried_out(store, monkeypatch, bomb) == expected, f"killed before call {number}"
    # Which connections are open already differs from run to run by a command or two.
    assert counting.calls > 100


def test_a_second_pass_at_any_point_of_the_first_changes_nothing(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Interruption(None, die)
    expected = carried_out(store, monkeypatch, counting)

    def another() -> None:
        if connection.in_atomic_block:
            return  # a second process would wait for the lock of the first
        at = datetime.fromtimestamp(LOOKS[-1] / 1e9, UTC)
        for service in (intraday.step_once, vwap.sample_minute, closed_bars.flush):
            service(market=VENUE, at=at)

    for number in range(counting.calls):
        assert carried_out(store, monkeypatch, Interruption(number, another)) == expected, f"at call {number}"
