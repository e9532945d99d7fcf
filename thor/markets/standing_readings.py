"""Remember for half a second what the brokers' clocks said, so that a claim does not become a query."""

import logging
import time
from typing import Final

from django.db import Error

from thor.markets.models import ClockReading
from thor.markets.registry import drop_connection

log = logging.getLogger(__name__)

#: Seconds for which readings are believed, monotonic: an answer is never older than this when another process wrote it.
FRESH: Final = 0.5

_readings: dict[str, ClockReading] = {}
_stale_at = float("-inf")


def reading_of(market: str) -> ClockReading | None:
    """Return what the broker's clock said of this market, or None where it has never been asked."""
    global _readings, _stale_at
    if time.monotonic() >= _stale_at:
        try:
            _readings = {row.market.key: row for row in ClockReading.objects.select_related("market")}
        except Error as error:
            # What was read before grows old by itself, and counts for less with each tick that it is not renewed.
            log.warning("thor.market.readings_stale: %s", error)
            drop_connection()
        _stale_at = time.monotonic() + FRESH
    return _readings.get(market)


def forget_readings() -> None:
    """Read the rows again at the next question, because one of them was written."""
    global _readings, _stale_at
    _readings, _stale_at = {}, float("-inf")
