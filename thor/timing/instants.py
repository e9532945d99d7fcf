"""Turn instants into whole microseconds and back, exactly.

Grids are integer arithmetic: a float loses the microsecond after 2 ** 53 of them, and a grid that is computed
from its last value drifts. Everything here is aware UTC.
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


def micros(at: datetime) -> int:
    """Count the microseconds from the Unix epoch to `at`."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(microseconds: int) -> datetime:
    """Name the instant so many microseconds after the Unix epoch.

    Raises OverflowError outside the years 1 to 9999.
    """
    return EPOCH + timedelta(0, 0, microseconds)


def earlier(at: datetime, by: timedelta) -> datetime:
    """Step back from `at`, stopping at the first representable instant."""
    try:
        return at - by
    except OverflowError:
        return EARLIEST


def later(at: datetime, by: timedelta) -> datetime:
    """Step on from `at`, stopping at the last representable instant."""
    try:
        return at + by
    except OverflowError:
        return LATEST
