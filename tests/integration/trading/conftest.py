"""Alpaca on this machine: connected as the broker's clock, with New York set to go by it, and as a broker."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis

from tests.integration.trading.alpaca_server import KEYS, Alpaca, serving
from tests.integration.trading.given_up import PATIENT, hasty, patient
from tests.integration.trading.swing_desk import SwingDesk
from thor.markets import broker_clock, standing_readings
from thor.markets.models import Market
from thor.markets.sessions import sessions_of_calendar
from thor.testing.alpaca_rest import AlpacaRest
from thor.timing import ManualClock
from thor.trading import selling
from thor.trading.alpaca_clock import AlpacaClock
from thor.trading.brokers.alpaca import AlpacaBroker


@pytest.fixture
def alpaca() -> Iterator[Alpaca]:
    with serving() as server:
        yield server


@pytest.fixture
def clock(alpaca: Alpaca) -> AlpacaClock:
    return AlpacaClock(alpaca.url, *KEYS, timeout=PATIENT)


@pytest.fixture
def connected(clock: AlpacaClock) -> Iterator[AlpacaClock]:
    """Connect Alpaca's clock for a test, as the app does at start where it has keys."""
    standing_readings.forget_readings()
    broker_clock.connect(clock)
    yield clock
    broker_clock.connect(None)
    standing_readings.forget_readings()


@pytest.fixture
def usa(db: None, connected: AlpacaClock) -> Market:
    """Let New York go by its broker's clock."""
    row = Market.objects.get(key="usa")
    row.clock_source = Market.ClockSource.BROKER
    row.full_clean()
    row.save()
    return row


@pytest.fixture
def rest_clock() -> ManualClock:
    """Return the clock of the stand-in for Alpaca's trading API: three in the afternoon in New York."""
    return ManualClock(datetime(2026, 3, 3, 20, 0, 0, 123_456, tzinfo=UTC))


@pytest.fixture
def rest(rest_clock: ManualClock) -> Iterator[AlpacaRest]:
    """Serve Alpaca's trading API, in which SPY is traded at 100."""
    with AlpacaRest(rest_clock.now, sessions=sessions_of_calendar("XNYS")) as server:
        server.book.quote("SPY", "100")
        yield server


@pytest.fixture
def waits() -> list[float]:
    """Return the seconds that the adapter would have waited."""
    return []


@pytest.fixture
def alpaca_broker(rest: AlpacaRest, waits: list[float]) -> AlpacaBroker:
    """Return the adapter, which has no need to wait between tries, and gives nothing up that is answered."""
    return patient(rest, waits.append)


@pytest.fixture
def hasty_broker(rest: AlpacaRest, waits: list[float]) -> AlpacaBroker:
    """Return the adapter with little patience, for a request that is not answered in time on purpose."""
    return hasty(rest, waits.append)


@pytest.fixture
def swing_desk(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> SwingDesk:
    """Return a swing desk at a broker in memory, whose account was reconciled at the open."""
    monkeypatch.setattr(selling, "PAUSE", 0.0)
    desk = SwingDesk(redis_client)
    desk.reconciled()
    return desk
