"""Which broker a process has, and what loading it costs those that do not trade."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from thor.env import PAPER_URL, read
from thor.marketdata import keys
from thor.trading.brokers import choice
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.brokers.choice import chosen_broker, paper_broker
from thor.trading.brokers.paper.broker import PaperBroker
from thor.trading.brokers.port import Accepted, OrderRequest, Side, Standing

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


def test_paper_is_the_default() -> None:
    found = chosen_broker(read(), now=lambda: NOON)

    assert isinstance(found, PaperBroker)
    assert (found.name, found.is_live) == ("paper", False)


@pytest.mark.parametrize(
    ("address", "is_live"),
    [(PAPER_URL, False), ("http://127.0.0.1:8081", False), ("https://api.alpaca.markets", True)],
)
def test_alpaca_knows_whether_it_is_live(monkeypatch: pytest.MonkeyPatch, address: str, is_live: bool) -> None:
    for name, value in {
        "THOR_BROKER": "alpaca",
        "THOR_ALLOW_LIVE": "1",
        "APCA_API_BASE_URL": address,
        "APCA_API_KEY_ID": "PKTEST",
        "APCA_API_SECRET_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)

    found = chosen_broker(read(), now=lambda: NOON)

    assert isinstance(found, AlpacaBroker)
    assert found.is_live is is_live
    assert ("LIVE" in repr(found)) is is_live


def test_a_process_has_one_broker() -> None:
    choice.broker.cache_clear()

    assert choice.broker() is choice.broker()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_makes_a_broker_of_its_own() -> None:
    mine = choice.broker()

    child = os.fork()
    if child == 0:
        os._exit(0 if choice.broker() is not mine else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert choice.broker() is mine


@pytest.mark.django_db
def test_the_paper_broker_trades_at_the_quotes_of_the_feeds_in_new_yorks_session(redis_client: redis.Redis) -> None:
    told = {"symbol": "SPY", "at": NOON.isoformat(), "last": 670.12, "bid": 670.11, "ask": 670.13}
    redis_client.hset(keys.LATEST_QUOTES, "SPY", json.dumps(told))
    broker = paper_broker(now=lambda: NOON)

    outcome = broker.submit(OrderRequest("a", "SPY", Side.BUY, Decimal(3)))

    assert isinstance(outcome, Accepted)
    assert outcome.order.standing is Standing.FILLED
    assert outcome.order.filled_average_price == Decimal("670.4651")  # 670.13 * 1.0005, rounded up


def test_a_wrong_combination_is_one_sentence_at_start(tmp_path: Path) -> None:
    settings = {"THOR_BROKER": "alpaca", "THOR_VAR_DIR": str(tmp_path)}

    found = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 2
    assert found.stderr == "thor: THOR_BROKER=alpaca needs APCA_API_KEY_ID and APCA_API_SECRET_KEY; set both\n"


def test_choosing_a_broker_loads_no_heavy_library_into_a_process_that_starts(tmp_path: Path) -> None:
    program = (
        "import django, sys; django.setup(); before = set(sys.modules); import thor.trading.brokers.choice; "
        "print(sorted({'numpy', 'pandas', 'alpaca', 'requests'} & (set(sys.modules) - before)), "
        "sorted({'pandas', 'alpaca', 'requests'} & before))"
    )

    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "thor.settings", "THOR_VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "[] []"


@pytest.mark.parametrize(
    ("feed", "address", "is_refused"),
    [
        ("simulated", PAPER_URL, True),
        ("us_equities=simulated,globex=replay", PAPER_URL, True),
        ("us_equities=alpaca,globex=simulated", PAPER_URL, False),
        ("alpaca", PAPER_URL, False),
        ("simulated", "http://127.0.0.1:9", False),
    ],
)
def test_made_up_prices_never_reach_a_broker_outside(feed: str, address: str, is_refused: bool) -> None:
    keys_of = {"APCA_API_KEY_ID": "PKTEST", "APCA_API_SECRET_KEY": "secret", "APCA_API_BASE_URL": address}
    place = {**os.environ, **keys_of, "THOR_BROKER": "alpaca", "THOR_FEED": feed}

    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=place, capture_output=True, text=True)

    assert (done.returncode != 0) is is_refused
    assert ("would order on simulated prices of us_equities; set THOR_FEED=alpaca" in done.stderr) is is_refused
    assert "Traceback" not in done.stderr
