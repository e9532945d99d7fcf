"""Make incidents of silent feeds from outside the feed process, which may be dead."""

from datetime import datetime
from typing import Any

from thor.marketdata import incidents, silence


def watch_feeds(*, at: datetime) -> dict[str, Any]:
    """Note the silences at `at`, and end those that are over; return how many there are."""
    found = silence.note_silences(at)
    return {"silent": found, "told": incidents.flush()}
