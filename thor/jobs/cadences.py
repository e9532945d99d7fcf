"""Say how often a line of the schedule is due: django-celery-beat's rows as cadences.

Thousands of lines share a few cadences, so equal ones are one object.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from celery.schedules import solar

from thor.errors import ThorError
from thor.jobs.spec import JobSpec
from thor.timing import Cadence, Cron, Every, Once, OncePerSession

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoSchedule(ThorError, ValueError):
    """The periodic task has no schedule: give it an interval, a crontab, a solar event or a clocked time."""


#: The hour of local mean time at which the search for a day's event begins: far from the event, whatever the season.
_BEGINS = {"next_rising": -6, "next_setting": 6, "next_transit": 0}
#: Where the sun has not risen or set for so long, it never does: the poles.
_SEARCH_DAYS = 400
#: Days from 1970 to which the positions of the sun are computed: some eighteen centuries each way.
_LAST_DAY = 650_000


@dataclass(frozen=True, slots=True)
class Solar:
    """Fire at a solar event at a place: at most once a day, and not at all while the sun stays up or down.

    The events are Celery's. Each is found from an instant of its own day, not from the one that is asked about, so the
    same event is the same instant whoever asks, and when. Raises ValueError for an event or place that does not exist.
    """

    event: str
    latitude: float
    longitude: float
    period: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what Celery refuses."""
        _sky(self.event, self.latitude, self.longitude)

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first event strictly after `t`, or None where none comes within a year."""
        day = _day(t)
        events = self._events(range(day - 1, day + _SEARCH_DAYS))
        return next((at for at in events if at > t), None)

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest event not after `t`, or None where there was none for a year."""
        day = _day(t)
        events = self._events(range(day + 1, day - _SEARCH_DAYS, -1))
        return next((at for at in events if at <= t), None)

    def count(self, after: datetime, until: datetime) -> int:
        """Count the events in (after, until]."""
        return sum(after < at <= until for at in self._events(range(_day(after) - 1, _day(until) + 2)))

    def text(self) -> str:
        """Return the event and the place."""
        return f"{self.event} at {self.latitude:g}, {self.longitude:g}"

    def _events(self, days: range) -> Iterator[datetime]:
        for day in days:
            at = _event_of(self.event, self.latitude, self.longitude, day)
            if at is not None:
                yield at


def _day(t: datetime) -> int:
    return max(-_LAST_DAY, min(_LAST_DAY, (t - _EPOCH) // timedelta(days=1)))


@lru_cache(maxsize=256)
def _sky(event: Any, latitude: float, longitude: float) -> Any:
    return solar(event, latitude, longitude)


@lru_cache(maxsize=65_536)
def _event_of(event: str, latitude: float, longitude: float, day: int) -> datetime | None:
    """Return the event of a day of local mean time, to the second; None where the sun stays up or down all day."""
    sky = _sky(event, latitude, longitude)
    begins = _EPOCH + timedelta(days=day, hours=_BEGINS[sky.method] - longitude / 15)
    center = {"use_center": True} if sky.use_center else {}
    try:
        found = getattr(sky.cal, sky.method)(sky.ephem.Sun(), start=begins.replace(tzinfo=None), **center)
    except sky.ephem.CircumpolarError:
        return None
    at: datetime = found.datetime()
    return at.replace(microsecond=0, tzinfo=UTC)


def cadence_of(line: Any, spec: JobSpec | None = None) -> Cadence:
    """Return how often a line is due; the row of a once-a-session job only carries it, the session is its cadence.

    What the environment pins is so whatever the row says: a schedule row may be shared, and edited for another's sake.
    """
    if spec is not None and isinstance(spec.cadence, OncePerSession):
        return spec.cadence
    if spec is not None and "cadence" in spec.pinned:
        return _from(spec.cadence, line.start_time)
    if line.every is not None and line.period is not None:
        return _every(line.every, line.period, line.start_time)
    if line.minute is not None:
        fields = (line.minute, line.hour, line.day_of_month, line.month_of_year, line.day_of_week, str(line.zone))
        return _cron(*map(str, fields))
    if line.clocked_at is not None:
        return Once(line.clocked_at)
    if line.event is None:
        raise NoSchedule
    return Solar(line.event, float(line.latitude), float(line.longitude))


def _from(cadence: Cadence, start: datetime | None) -> Cadence:
    return _every(cadence.size, "microseconds", start) if isinstance(cadence, Every) else cadence


@lru_cache(maxsize=4096)
def _every(every: int, period: str, start: datetime | None) -> Every:
    anchor: dict[str, Any] = {"anchor": start} if start else {}
    return Every(microseconds=timedelta(**{period: every}) // timedelta(microseconds=1), **anchor)


@lru_cache(maxsize=4096)
def _cron(minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str, zone: str) -> Cron:
    return Cron(minute, hour, day_of_month, month_of_year, day_of_week, zone=zone)
