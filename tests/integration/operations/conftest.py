"""A folder and a configuration of one's own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from thor import embedded
from thor.env import env


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Yield a way to set variables; configuration is read anew before and after, and nothing is left running."""
    for name in ("DATABASE_URL", "REDIS_URL", "THOR_BROKER_URL", "FLOWER_BASIC_AUTH", "FLOWER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("THOR_VAR_DIR", str(tmp_path / "var"))
    env.cache_clear()
    yield monkeypatch
    env.cache_clear()
    embedded.stop()
    monkeypatch.undo()
    env.cache_clear()
