"""Cut the history of a time zone into stretches of constant offset from UTC.

`zoneinfo` answers what the offset is at an instant, not when it changes. Offsets are sampled once a day and
changes found by bisection, once a zone and chunk of time, then kept: in the whole time zone database no two
changes of an offset lie closer together than six days.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from thor.timing.instants import EPOCH

DAY = 86_400
CHUNK = 256 * DAY
FIRST = -719_000 * DAY // CHUNK + 1
LAST = 2_932_000 * DAY // CHUNK - 1
"""The first and the last chunk: clear of the years 1 and 9999, where local times cannot be computed."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Mark [start, end) in epoch seconds with its offset and the offset that held just before it."""

    start: int
    end: int
    offset: int
    offset_before: int


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Load a zone once. Raises what ZoneInfo raises where there is none of that name."""
    return ZoneInfo(name)


def stretch_at(zone: str, at: int) -> Stretch | None:
    """Return the stretch that holds the epoch second `at`, or None outside the years that Thor computes."""
    chunk = at // CHUNK
    if not FIRST <= chunk <= LAST:
        return None
    stretches = _stretches(zone, chunk)
    if len(stretches) == 1:
        return stretches[0]
    return stretches[bisect_right(stretches, at, key=lambda stretch: stretch.start) - 1]


@lru_cache(maxsize=8192)
def _stretches(zone: str, chunk: int) -> tuple[Stretch, ...]:
    """Cut one chunk at each change of the offset."""
    start, end = chunk * CHUNK, (chunk + 1) * CHUNK
    tz = zone_of(zone)
    cuts = [start]
    for day in range(start, end, DAY):
        if _offset(tz, day) != _offset(tz, day + DAY):
            cuts.append(_change(tz, day, day + DAY))
    cuts = sorted(set(cuts) - {end})
    return tuple(Stretch(a, b, _offset(tz, a), _offset(tz, a - 1)) for a, b in zip(cuts, [*cuts[1:], end], strict=True))


def _change(tz: ZoneInfo, low: int, high: int) -> int:
    """Bisect for the first second whose offset is no longer that of `low`."""
    before = _offset(tz, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(tz, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(tz: ZoneInfo, at: int) -> int:
    local = (EPOCH + timedelta(seconds=at)).astimezone(tz).replace(tzinfo=None)
    return round((local - datetime.fromtimestamp(0, UTC).replace(tzinfo=None)).total_seconds()) - at
