"""A clean memory of market rows for each test, and receivers that write down what they hear."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from thor.markets import registry, signals, transitions


@pytest.fixture(autouse=True)
def _fresh_rows() -> Iterator[None]:
    registry.forget()
    transitions._quiet.clear()
    yield
    registry.forget()
    transitions._quiet.clear()


class Ear:
    """Hear the three signals; raise instead, as long as `deaf` is set."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.deaf = False

    def bells(self, market: str) -> list[str]:
        """Return the names of the signals that were heard of one market."""
        return [name for name, details in self.heard if details["market"] == market]

    def receiver(self, name: str) -> Any:
        """Return a receiver that writes down under this name."""

        def hear(sender: Any, signal: Signal, **details: Any) -> None:
            if self.deaf:
                raise RuntimeError("I hear nothing")
            self.heard.append((name, details))

        return hear


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    pairs = {
        "opened": signals.market_opened,
        "closed": signals.market_closed,
        "phase": signals.session_phase_changed,
    }
    receivers = [(signal, ear.receiver(name)) for name, signal in pairs.items()]
    for signal, receiver in receivers:
        signal.connect(receiver)
    yield ear
    for signal, receiver in receivers:
        signal.disconnect(receiver)
