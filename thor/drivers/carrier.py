"""The port between a decision and whoever carries it out: Celery's broker (`publish`), or this process (`bench`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from thor.drivers.envelope import Message
from thor.errors import ThorError


class PublishFailed(ThorError):
    """The broker did not take the batch."""


class Memory(Protocol):
    """Whether what was handed over is still known where it was handed to."""

    def remember(self, seq: int, *, known: int) -> int | None:
        """Mark that everything up to `seq` is handed over; return the old mark where that is older than `known`."""

    def forgotten_since(self, seq: int) -> int | None:
        """Return the mark, if it is older than `seq`: what came after it is lost. Nothing, if all is well."""


class Carrier(Protocol):
    """Take decided runs to those who carry them out. What it took may come twice: the claim sorts that out."""

    def publish(self, messages: Sequence[Message], parcels: Mapping[UUID, Any]) -> None:
        """Hand over all messages in order; raise `PublishFailed` where any of them may not have arrived."""

    def pack(self, messages: Sequence[Message]) -> dict[UUID, Any]:
        """Do ahead what can be done ahead; `publish` gets it back as `parcels`."""

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in a queue; nothing where that is not known."""

    def can_claim(self, task: str) -> bool:
        """Tell whether whoever runs the task claims the run."""

    def memory(self, installation: str) -> Memory:
        """Return the memory of what an installation has handed over."""

    def close(self) -> None:
        """Let go of the other side."""
