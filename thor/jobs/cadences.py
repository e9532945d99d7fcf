"""Say how often a line of the schedule is due: django-celery-beat's rows as cadences.

Thousands of lines share a few cadences, so equal ones are one object.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from celery.schedules import solar

from thor.errors import ThorError
from thor.jobs.lines import Line
from thor.jobs.spec import JobSpec
from thor.timing import Cadence, Cron, Every, Once, OncePerSession


class NoSchedule(ThorError, ValueError):
    """The periodic task has no schedule: give it an interval, a crontab, a solar event or a clocked time."""


@dataclass(frozen=True, slots=True)
class Solar:
    """Fire at a solar event at a place: Celery's own schedule, asked by instant."""

    event: str
    latitude: float
    longitude: float
    period: timedelta | None = None

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first event strictly after `t`."""
        event: Any = self.event  # one of Celery's names, as the row's choices make sure
        found = solar(event, self.latitude, self.longitude, nowfun=lambda: t)
        at: datetime = t + found.remaining_estimate(t)
        return at if at > t else self.next_after(t + timedelta(minutes=1))

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest event not after `t`; an event comes at least once in two days, or not at all."""
        found, at = None, self.next_after(t - timedelta(days=2))
        while at is not None and at <= t:
            found, at = at, self.next_after(at)
        return found

    def count(self, after: datetime, until: datetime) -> int:
        """Count the events in (after, until]."""
        number, at = 0, self.next_after(after)
        while at is not None and at <= until:
            number, at = number + 1, self.next_after(at)
        return number

    def text(self) -> str:
        """Return the event and the place."""
        return f"{self.event} at {self.latitude:g}, {self.longitude:g}"


def cadence_of(line: Line, spec: JobSpec | None = None) -> Cadence:
    """Return how often a line is due; the row of a once-a-session job only carries it, the session is its cadence."""
    if spec is not None and isinstance(spec.cadence, OncePerSession):
        return spec.cadence
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


@lru_cache(maxsize=4096)
def _every(every: int, period: str, start: datetime | None) -> Every:
    anchor: dict[str, Any] = {"anchor": start} if start else {}
    return Every(microseconds=timedelta(**{period: every}) // timedelta(microseconds=1), **anchor)


@lru_cache(maxsize=4096)
def _cron(minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str, zone: str) -> Cron:
    return Cron(minute, hour, day_of_month, month_of_year, day_of_week, zone=zone)
