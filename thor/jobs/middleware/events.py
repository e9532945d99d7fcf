"""Say what runs and how it ended, as named events; log lines and metrics subscribe to them."""

import time
from collections.abc import Callable
from typing import Any

from thor.jobs import events
from thor.jobs.claim import Claimed


class Events:
    """Emit `thor.run.started` and `thor.run.succeeded` or `thor.run.failed` with the duration."""

    options: frozenset[str] = frozenset()

    def around(self, run: Claimed, body: Callable[[], Any]) -> Any:
        """Emit an event before and after the body."""
        events.emit("thor.run.started", **run.fields)
        began = time.perf_counter()
        try:
            result = body()
        except Exception as error:
            events.emit("thor.run.failed", **run.fields, ms=_since(began), error=repr(error))
            raise
        events.emit("thor.run.succeeded", **run.fields, ms=_since(began))
        return result


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
