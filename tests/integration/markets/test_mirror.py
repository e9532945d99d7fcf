"""The active markets as other processes read them in Redis."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis

from thor.connections import connect
from thor.markets import mirror
from thor.markets.mirror import EXPIRY, PATIENCE, active_markets_mirrored, publish
from thor.markets.models import Market

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
SECOND = timedelta(seconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


HALF_DAY_CLOSE = utc("2026-11-27 18:00:00")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for a Redis that is there, however slow the machine is."""
    clients = mirror._client, mirror._script
    monkeypatch.setattr(mirror, "PATIENCE", 60.0)
    for made in clients:
        made.cache_clear()
    yield
    for made in clients:
        made.cache_clear()


def test_what_trades_is_read_as_it_was_published() -> None:
    assert publish(HALF_DAY_CLOSE)

    found = active_markets_mirrored()

    assert found is not None
    assert found.markets == ("canada", "mexico", "globex", "us_equities", "crypto")
    assert found.control_markets == ("canada", "mexico")
    assert (found.at, found.version) == (HALF_DAY_CLOSE, 1)
    assert timedelta(0) <= found.age < timedelta(seconds=5)


def test_nothing_is_written_while_nothing_changes_but_the_expiry_is_put_off(redis_client: redis.Redis) -> None:
    publish(HALF_DAY_CLOSE)
    redis_client.pexpire(mirror.key(), 20_000)
    before = redis_client.hgetall(mirror.key())
    assert (aged := active_markets_mirrored()) is not None
    assert aged.age > timedelta(seconds=9)

    assert not publish(HALF_DAY_CLOSE + SECOND)

    assert redis_client.hgetall(mirror.key()) == before
    assert (fresh := active_markets_mirrored()) is not None
    assert fresh.age < timedelta(seconds=5)


def test_a_bell_brings_a_new_instant_and_the_next_version() -> None:
    publish(HALF_DAY_CLOSE - SECOND)
    publish(HALF_DAY_CLOSE - SECOND / 2)

    assert publish(HALF_DAY_CLOSE)

    found = active_markets_mirrored()
    assert found is not None
    assert "usa" not in found.markets
    assert (found.at, found.version) == (HALF_DAY_CLOSE, 2)


def test_an_edit_is_news_without_a_bell() -> None:
    publish(HALF_DAY_CLOSE)
    Market.objects.get(key="crypto").delete()

    assert publish(HALF_DAY_CLOSE + SECOND)

    assert (found := active_markets_mirrored()) is not None
    assert "crypto" not in found.markets


def test_a_leader_that_was_delayed_does_not_bring_back_what_has_closed() -> None:
    publish(HALF_DAY_CLOSE)

    assert not publish(HALF_DAY_CLOSE - timedelta(microseconds=1))

    assert (found := active_markets_mirrored()) is not None
    assert "usa" not in found.markets


def test_that_nothing_trades_is_said_and_is_not_the_same_as_not_knowing() -> None:
    assert active_markets_mirrored() is None
    Market.objects.get(key="crypto").delete()

    assert publish(utc("2026-11-21 12:00:00"))

    assert (found := active_markets_mirrored()) is not None
    assert found.markets == ()


def test_it_expires_when_nobody_confirms_it_and_its_versions_go_on(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "EXPIRY", timedelta(milliseconds=50))
    publish(HALF_DAY_CLOSE)
    deadline = time.monotonic() + 5
    while redis_client.exists(mirror.key()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert active_markets_mirrored() is None
    monkeypatch.setattr(mirror, "EXPIRY", EXPIRY)

    assert publish(HALF_DAY_CLOSE - timedelta(days=30)), "a replay that begins anew, when the old mirror is gone"

    assert (found := active_markets_mirrored()) is not None
    assert found.version == 2


def test_a_redis_that_is_away_is_no_error_and_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = connect("redis://127.0.0.1:1/0", retry=None)
    monkeypatch.setattr(mirror, "_client", lambda: nowhere)
    monkeypatch.setattr(mirror, "_script", lambda: nowhere.register_script(mirror._PUBLISH))

    assert not publish(HALF_DAY_CLOSE)
    assert active_markets_mirrored() is None


def test_a_redis_that_is_frozen_is_waited_for_less_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = subprocess.Popen(
        [sys.executable, "-c", "import socket, time\ns = socket.create_server(('127.0.0.1', 0))\n"
         "print(s.getsockname()[1], flush=True)\ntime.sleep(60)"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert silent.stdout is not None
    port = silent.stdout.readline().strip()
    monkeypatch.setattr(mirror, "redis_url", lambda: f"redis://127.0.0.1:{port}/0")
    monkeypatch.setattr(mirror, "PATIENCE", 4.0)  # many times its own, so that a slow machine is no second wait
    begun = time.monotonic()
    try:
        assert not publish(HALF_DAY_CLOSE)
        assert 4 <= time.monotonic() - begun < 8
        assert PATIENCE < 1
    finally:
        silent.terminate()
        silent.wait()
