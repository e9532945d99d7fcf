"""Say what happened, by name and with fields; log lines and metrics subscribe to the logger `thor.marketdata`."""

import logging
from typing import Any

_LOGGER = logging.getLogger("thor.marketdata")


def emit(name: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log the event `name` (for example "thor.feed.gap") with its fields, readable and as attributes."""
    text = " ".join([name, *(f"{key}={value}" for key, value in fields.items())])
    _LOGGER.log(level, text, extra={"event": name, "fields": fields})


def warn(name: str, **fields: Any) -> None:
    """Log an event that a person should look at."""
    emit(name, level=logging.WARNING, **fields)
