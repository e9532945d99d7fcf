"""Named events with fields: what happened, said once; whoever wants to know subscribes."""

import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("thor.events")

Subscriber = Callable[[str, dict[str, Any]], None]
_subscribers: list[Subscriber] = []

#: Expected facts of a busy house are for those who look closely; everything else is said aloud.
QUIET = frozenset({"thor.run.started", "thor.run.succeeded", "thor.run.refused"})
#: What a person has to look at.
LOUD = frozenset({"thor.entry.unreadable", "thor.entry.unplannable", "thor.run.failed"})


def subscribe(subscriber: Subscriber) -> None:
    """Call `subscriber(name, fields)` at every event of this process."""
    _subscribers.append(subscriber)


def emit(name: str, **fields: Any) -> None:
    """Say that something happened."""
    for subscriber in _subscribers:
        subscriber(name, fields)


def _log(name: str, fields: dict[str, Any]) -> None:
    level = logging.DEBUG if name in QUIET else logging.WARNING if name in LOUD else logging.INFO
    if logger.isEnabledFor(level):
        logger.log(level, "%s %s", name, " ".join(f"{key}={value}" for key, value in fields.items()))


subscribe(_log)
