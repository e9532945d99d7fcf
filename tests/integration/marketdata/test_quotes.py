"""Snapshots of quotes: figures of reference last for a session, whoever feeds it, and mixed sources change nothing."""

import json
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import ns
from thor.marketdata import keys
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.symbols import ALIASES

pytestmark = pytest.mark.django_db

SECOND = 10**9
#: Two sessions of Globex: the second opens on Monday at 23:00 UTC.
MONDAY, TUESDAY = ns("2026-03-02T15:00"), ns("2026-03-03T15:00")


def push(store: redis.Redis, received: int, *quotes: dict[str, object], source: str = "") -> None:
    batch = {"quotes": [{"symbol": "ES", **one} for one in quotes], **({"source": source} if source else {})}
    store.xadd(keys.push("globex"), {"batch": json.dumps(batch)}, id=f"{received // 10**6}-*")


def process(store: redis.Redis) -> Publisher:
    return Publisher(PushFeed("globex", dict(ALIASES)), store, "here", Begin("run", at=MONDAY - SECOND))


def carry(feeding: Publisher, now: int) -> None:
    while feeding.turn(now, quiet=0):
        pass


def snapshot(store: redis.Redis) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.hget(keys.LATEST_QUOTES, "ES") or b"{}")
    return found


@pytest.mark.parametrize("restart", [False, True])
def test_a_previous_close_lasts_for_its_session_and_no_longer(store: redis.Redis, restart: bool) -> None:
    feeding = process(store)
    push(store, MONDAY, {"last": 6000, "previous_close": 5950, "high": 6010})
    carry(feeding, MONDAY + SECOND)
    feeding = process(store) if restart else feeding
    push(store, MONDAY + 2 * SECOND, {"last": 6001})
    carry(feeding, MONDAY + 4 * SECOND)

    found = snapshot(store)
    assert (found["last"], found["previous_close"], found["high"]) == (6001, 5950, 6010)
    assert found["reference_of"] == "2026-03-02"

    feeding = process(store) if restart else feeding
    push(store, TUESDAY, {"last": 6100})
    carry(feeding, TUESDAY + SECOND)
    assert snapshot(store)["last"] == 6100
    assert not {"previous_close", "high", "reference_of"} & set(snapshot(store))

    push(store, TUESDAY + 2 * SECOND, {"last": 6101, "previous_close": 5950})
    carry(feeding, TUESDAY + 4 * SECOND)
    assert (snapshot(store)["previous_close"], snapshot(store)["reference_of"]) == (5950, "2026-03-03")
    assert "high" not in snapshot(store)


def test_figures_that_come_without_a_tick_outlive_the_process_too(store: redis.Redis) -> None:
    push(store, MONDAY, {"last": 6000})
    feeding = process(store)
    carry(feeding, MONDAY + SECOND)
    push(store, MONDAY + 2 * SECOND, {"previous_close": 5950})
    carry(feeding, MONDAY + 4 * SECOND)
    push(store, MONDAY + 5 * SECOND, {"last": 6001})
    carry(process(store), MONDAY + 7 * SECOND)

    assert (snapshot(store)["last"], snapshot(store)["previous_close"]) == (6001, 5950)


@pytest.mark.parametrize("restart", [False, True])
def test_mixed_sources_are_judged_and_counted_alike_after_a_restart(store: redis.Redis, restart: bool) -> None:
    feeding = process(store)
    push(store, MONDAY, {"last": 6000, "size": 7}, source="EXCEL")
    carry(feeding, MONDAY + SECOND)
    feeding = process(store) if restart else feeding
    push(store, MONDAY + 2 * SECOND, {"last": 60, "size": 1}, {"last": 6001, "size": 1})
    carry(feeding, MONDAY + 4 * SECOND)

    assert (snapshot(store)["last"], snapshot(store)["volume"]) == (6001, 8)
