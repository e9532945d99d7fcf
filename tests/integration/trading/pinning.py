"""Pin variables for a test, in this process."""

from collections.abc import Callable, Iterator

import pytest

from thor.env import env

Pin = Callable[..., None]


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pin]:
    """Return what sets variables, by name, as if the process had started with them."""

    def set_all(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        env.cache_clear()

    yield set_all
    monkeypatch.undo()
    env.cache_clear()
