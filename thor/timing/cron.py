"""Fire at local times of a zone, by Celery's crontab, and be right when clocks change.

Celery's meaning: a day counts where day of the month AND day of the week fit. At a change of the clocks:

- an entry whose hours are all twenty-four fires by elapsed time: at every instant whose local time fits, in
  both passes of a repeated hour, and not at all in an hour that does not exist;
- every other entry names fixed local times: one that is skipped in spring fires at the first instant after
  the gap (several of them: once), one that comes twice in autumn fires the first time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from thor.timing.cronfields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    MINUTE,
    MONTH_OF_YEAR,
    Spec,
    spell,
)
from thor.timing.instants import EPOCH
from thor.timing.interval import BadCadence
from thor.timing.localtimes import LocalTimes, local_times
from thor.timing.offsets import DAY, Stretch, stretch_at, zone_of


@dataclass(frozen=True, slots=True, init=False)
class Cron:
    """Fire at the local times that five crontab fields name, in the zone given.

    Fields are text, a number or a set of numbers, as in Celery; 0 and 7 are Sunday. Raises BadCadence for a
    field or a zone that makes no sense. A date that never comes (31 February) is no error: it has no
    instants.
    """

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    zone: str

    def __init__(
        self,
        minute: Spec = "*",
        hour: Spec = "*",
        day_of_month: Spec = "*",
        month_of_year: Spec = "*",
        day_of_week: Spec = "*",
        zone: object = "UTC",
    ) -> None:
        object.__setattr__(self, "minute", spell(MINUTE, minute))
        object.__setattr__(self, "hour", spell(HOUR, hour))
        object.__setattr__(self, "day_of_month", spell(DAY_OF_MONTH, day_of_month))
        object.__setattr__(self, "month_of_year", spell(MONTH_OF_YEAR, month_of_year))
        object.__setattr__(self, "day_of_week", spell(DAY_OF_WEEK, day_of_week))
        object.__setattr__(self, "zone", str(zone))
        _known_zone(self.zone)
        self._times()

    @property
    def period(self) -> timedelta | None:
        """None: local times have no one distance."""
        return None

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first instant strictly after `t`, or None where none comes within forty years."""
        times, at = self._times(), (t - EPOCH) // timedelta(seconds=1)
        stretch = stretch_at(self.zone, at)
        while stretch is not None:
            found, resume = _next_in(stretch, times, at)
            if found is not None:
                return EPOCH + timedelta(seconds=found)
            stretch = None if resume is None else stretch_at(self.zone, resume)
        return None

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest instant not after `t`, or None where there was none for forty years."""
        times, at = self._times(), (t - EPOCH) // timedelta(seconds=1)
        stretch = stretch_at(self.zone, at)
        while stretch is not None:
            found, resume = _last_in(stretch, times, at)
            if found is not None:
                return EPOCH + timedelta(seconds=found)
            stretch = None if resume is None else stretch_at(self.zone, resume)
        return None

    def count(self, after: datetime, until: datetime) -> int:
        """Count the instants in (after, until], a day at a time at most."""
        times = self._times()
        low, high = (after - EPOCH) // timedelta(seconds=1), (until - EPOCH) // timedelta(seconds=1)
        total, at = 0, low
        while at <= high and (stretch := stretch_at(self.zone, at)):
            total += _count_in(stretch, times, low, high)
            at = stretch.end
        return total

    def text(self) -> str:
        """Say it as a crontab line with its zone: `30 9 * * 1-5 America/New_York`."""
        fields = (self.minute, self.hour, self.day_of_month, self.month_of_year, self.day_of_week, self.zone)
        return " ".join(fields)

    def _times(self) -> LocalTimes:
        return local_times(self.minute, self.hour, self.day_of_month, self.month_of_year, self.day_of_week)


@lru_cache(maxsize=1024)
def _known_zone(zone: str) -> None:
    try:
        zone_of(zone)
    except (KeyError, ValueError, OSError) as error:
        message = f"{zone!r} is no time zone: give a name of the IANA database, such as America/New_York."
        raise BadCadence(message) from error


def _next_in(stretch: Stretch, times: LocalTimes, at: int) -> tuple[int | None, int | None]:
    """Find the first instant after `at` in a stretch; else say from which instant to look on."""
    if at < stretch.start and _gap_fires(stretch, times):
        return stretch.start, None
    local = times.next_after(max(at + stretch.offset, _first_local(stretch, times) - 1))
    if local is None:
        return None, None
    if local < stretch.end + stretch.offset:
        return local - stretch.offset, None
    # A clock that goes back by the end shows once more what it has shown before `at`; no offset moves it by more than a
    # day. Else two days before that local time nothing can have been missed.
    if stretch.end <= at + 2 * DAY:
        return None, stretch.end
    return None, max(stretch.end, local - stretch.offset - 2 * DAY)


def _last_in(stretch: Stretch, times: LocalTimes, at: int) -> tuple[int | None, int | None]:
    """Find the newest instant not after `at` in a stretch; else say from which instant to look back."""
    local = times.last_at_or_before(min(at, stretch.end - 1) + stretch.offset)
    if local is not None and local >= _first_local(stretch, times):
        return local - stretch.offset, None
    if _gap_fires(stretch, times):
        return stretch.start, None
    if local is None:
        return None, None
    # Before a clock went back it had shown later times than `at`'s: the same reach as above.
    if stretch.start >= at - 2 * DAY:
        return None, stretch.start - 1
    return None, min(stretch.start - 1, local - stretch.offset + 2 * DAY)


def _count_in(stretch: Stretch, times: LocalTimes, low: int, high: int) -> int:
    """Count the instants of (low, high] that lie in a stretch."""
    first = max(low + stretch.offset, _first_local(stretch, times) - 1)
    total = times.count(first, min(high, stretch.end - 1) + stretch.offset)
    if low < stretch.start <= high and _gap_fires(stretch, times):
        opening = stretch.start + stretch.offset
        total += 1 - times.count(opening - 1, opening)
    return total


def _first_local(stretch: Stretch, times: LocalTimes) -> int:
    """Return the first local time that counts: fixed times of a repeated hour have been before the change."""
    if times.hourly:
        return stretch.start + stretch.offset
    return stretch.start + max(stretch.offset, stretch.offset_before)


def _gap_fires(stretch: Stretch, times: LocalTimes) -> bool:
    """Say whether the clock jumped over a fixed local time where this stretch begins."""
    if times.hourly or stretch.offset <= stretch.offset_before:
        return False
    return times.count(stretch.start + stretch.offset_before - 1, stretch.start + stretch.offset - 1) > 0
