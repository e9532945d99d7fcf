"""Wait until feeds have come far enough, so that a figure holds everything that belongs to it.

Jobs run by the clock and figures go by data time: at 09:30:00 the feed has promised 09:29:59.7. What is captured once
waits for the rest, briefly; what runs every few seconds says `waiting`, and its next slot heals.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from thor.connections import redis_client
from thor.marketdata import stream
from thor.marketdata.services import closed_bars, vwap
from thor.timing import micros

#: Real time for which a feed is waited for, and between two looks at it.
PATIENCE: Final = timedelta(seconds=5)
LOOK: Final = 0.05


def watermark(venue: str) -> datetime | None:
    """Return the data time up to which the venue's feed has published everything, or None where it never has."""
    known = stream.position(redis_client(), venue)
    return None if known is None else datetime.fromtimestamp(known.watermark / 1e9, UTC)


def behind(venues: Iterable[str], until: datetime) -> list[str]:
    """Return the venues whose feeds have not promised everything before `until`."""
    wanted = micros(until) * 1000
    client = redis_client()
    found = ((venue, stream.position(client, venue)) for venue in sorted(set(venues)))
    return [venue for venue, known in found if known is None or known.watermark < wanted]


def wait_for(venues: Iterable[str], until: datetime, patience: timedelta = PATIENCE) -> list[str]:
    """Wait until the feeds of all venues have reached `until`; return those that have not when patience ends."""
    deadline = time.monotonic() + patience.total_seconds()
    late = behind(venues, until)
    while late and time.monotonic() < deadline:
        time.sleep(LOOK)
        late = behind(late, until)
    return late


def flush_until(venues: Iterable[str], at: datetime) -> None:
    """Store every bar that is closed and every minute sample up to `at`, so that figures see all of them."""
    for venue in sorted(set(venues)):
        closed_bars.flush(market=venue, at=at)
        vwap.sample_minute(market=venue, at=at)
