"""What every test can ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder of recorded market data; skip where this machine has none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        reason = f"the recorded market data is not at {folder}"
        if os.environ.get("CI") == "true" and folder.parent.is_dir():
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """Return a client of the private Valkey of these tests, empty before and after."""
    from thor.connections import redis_client as connected

    client = connected()
    client.flushall()
    yield client
    client.flushall()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Let no test see markets that another test's transaction has rolled back, or incidents that it has counted."""
    from thor.marketdata import incidents
    from thor.markets import registry, transitions

    registry.forget()
    transitions._quiet.clear()
    incidents.forget()
    yield
    registry.forget()
    transitions._quiet.clear()
