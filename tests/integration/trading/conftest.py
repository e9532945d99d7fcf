"""Alpaca on this machine, connected as the broker's clock, and New York set to go by it."""

from collections.abc import Iterator

import pytest

from tests.integration.trading.alpaca_server import KEYS, Alpaca, serving
from thor.markets import broker_clock, standing_readings
from thor.markets.models import Market
from thor.trading.alpaca_clock import AlpacaClock


@pytest.fixture
def alpaca() -> Iterator[Alpaca]:
    with serving() as server:
        yield server


@pytest.fixture
def clock(alpaca: Alpaca) -> AlpacaClock:
    return AlpacaClock(alpaca.url, *KEYS, timeout=0.5)


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
