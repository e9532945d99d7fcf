"""The emptied Valkey of the tests, the recordings beside the project, and instants written as text."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis


@pytest.fixture
def store(redis_client: redis.Redis) -> redis.Redis:
    """Return a client of the emptied private Valkey, which the product uses too."""
    return redis_client


@pytest.fixture
def lean(recordings: Path) -> Path:
    """Return the folder of recordings in LEAN's layout, or skip."""
    return recordings / "lean" / "Data"


def utc(text: str) -> datetime:
    """Return an ISO time as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ns(text: str) -> int:
    """Return an ISO time of UTC in ns since the epoch."""
    return round(utc(text).timestamp() * 1e6) * 1000
