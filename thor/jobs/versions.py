"""Fingerprint what decides when a line fires: an edit of it is an edit, a new name or queue is none."""

import hashlib
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from thor.jobs.cadences import cadence_of
from thor.jobs.lines import Line
from thor.jobs.registry import specs


def version_of(line: Line) -> str:
    """Return a fingerprint of what decides when the line fires; `enabled` counts for a user's own line alone.

    For a job's line `enabled` is the gate's, and windows and pauses are judged by `plan()` and by the claim.
    """
    return _fingerprint(When._make(_when(line)), line.job)


class When(NamedTuple):
    """The columns that decide when a line fires. Thousands of lines share them."""

    every: int | None
    period: str | None
    minute: str | None
    hour: str | None
    day_of_month: str | None
    month_of_year: str | None
    day_of_week: str | None
    zone: Any
    event: str | None
    latitude: Any
    longitude: Any
    clocked_at: datetime | None
    start_time: datetime | None
    enabled: bool
    expires: datetime | None
    one_off: bool
    window: str
    market: str
    paused: bool | None


_when = attrgetter(*When._fields)


@lru_cache(maxsize=4096)
def _fingerprint(when: When, job: str) -> str:
    spec = specs().get(job)
    cadence, own = cadence_of(when, spec).text(), None if job else when.enabled
    if spec is not None and spec.jitter:
        cadence += f" + {spec.jitter}"
    seen = (cadence, own, when.start_time, when.expires, when.one_off, when.window, when.market, bool(when.paused))
    return hashlib.blake2b(repr(seen).encode(), digest_size=12).hexdigest()
