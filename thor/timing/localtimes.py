"""Find local times of a crontab on a calendar without zones: pure arithmetic of days and seconds."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from thor.timing.cronfields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH_OF_YEAR, expand
from thor.timing.offsets import DAY

SEARCH_DAYS = 366 * 41
"""29 February on a given weekday is at most forty years away; what is further away never comes."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_ORDINAL = date.max.toordinal()
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """Hold the local times of a crontab, in seconds from 1970-01-01 00:00, knowing nothing of zones."""

    seconds: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    hourly: bool

    def next_after(self, local: int) -> int | None:
        """Return the first local time strictly after `local`."""
        day, second = divmod(local, DAY)
        if self.fits(day):
            i = bisect_right(self.seconds, second)
            if i < len(self.seconds):
                return day * DAY + self.seconds[i]
        found = self._nearest_day(day, 1)
        return None if found is None else found * DAY + self.seconds[0]

    def last_at_or_before(self, local: int) -> int | None:
        """Return the newest local time not after `local`."""
        day, second = divmod(local, DAY)
        if self.fits(day):
            i = bisect_right(self.seconds, second)
            if i:
                return day * DAY + self.seconds[i - 1]
        found = self._nearest_day(day, -1)
        return None if found is None else found * DAY + self.seconds[-1]

    def count(self, after: int, until: int) -> int:
        """Count the local times in (after, until]."""
        if until <= after:
            return 0
        (first, first_second), (last, last_second) = divmod(after, DAY), divmod(until, DAY)
        total = -bisect_right(self.seconds, first_second) if self.fits(first) else 0
        total += bisect_right(self.seconds, last_second) if self.fits(last) else 0
        return total + len(self.seconds) * sum(map(self.fits, range(first, last)))

    def fits(self, day: int) -> bool:
        """Say whether a day, counted from 1970-01-01, is one of the crontab's."""
        on = date.fromordinal(day + _EPOCH_ORDINAL)
        return on.day in self.days and on.month in self.months and on.isoweekday() % 7 in self.weekdays

    def ever(self) -> bool:
        """Say whether any date fits: 31 February never comes."""
        return any(min(self.days) <= _LONGEST_MONTHS[month - 1] for month in self.months)

    def _nearest_day(self, day: int, step: int) -> int | None:
        """Walk to the nearest day that fits, a month at a time where the month does not."""
        if not self.ever():
            return None
        ordinal = day + _EPOCH_ORDINAL + step
        end = min(max(ordinal + step * SEARCH_DAYS, 1), _LAST_ORDINAL)
        while (end - ordinal) * step >= 0:
            on = date.fromordinal(ordinal)
            if on.month not in self.months:
                ordinal += _days_to_next_month(on) if step > 0 else -on.day
            elif on.day in self.days and on.isoweekday() % 7 in self.weekdays:
                return ordinal - _EPOCH_ORDINAL
            else:
                ordinal += step
        return None


@lru_cache(maxsize=8192)
def local_times(minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str) -> LocalTimes:
    """Compile five fields, once for all entries that share them. Raises BadCadence."""
    hours = expand(HOUR, hour)
    return LocalTimes(
        seconds=_seconds_of_day(hours, expand(MINUTE, minute)),
        days=frozenset(expand(DAY_OF_MONTH, day_of_month)),
        months=frozenset(expand(MONTH_OF_YEAR, month_of_year)),
        weekdays=frozenset(expand(DAY_OF_WEEK, day_of_week)),
        hourly=len(hours) == 24,
    )


@lru_cache(maxsize=1024)
def _seconds_of_day(hours: tuple[int, ...], minutes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(hour * 3600 + minute * 60 for hour in hours for minute in minutes)


def _days_to_next_month(on: date) -> int:
    return (on.replace(day=1) + timedelta(days=32)).replace(day=1).toordinal() - on.toordinal()
