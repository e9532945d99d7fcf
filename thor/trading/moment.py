"""Say which moment it is for a run: prices age and windows close while a run waits for its worker."""

from datetime import datetime

from thor.leadership.clock import installed_clock, process_clock
from thor.timing import ReplayClock, SystemClock


def moment(nominal_at: datetime) -> datetime:
    """Return this moment, by a clock that may be slow but is not before the run's own time. For job files.

    A replay that all processes share passes faster than a message is delivered: there it is the run's own time. One
    that was installed stands still while its work is done.
    """
    clock = installed_clock()
    if clock is None and isinstance(process_clock(), ReplayClock):
        return nominal_at
    return max(nominal_at, (clock or process_clock()).now())


def is_real_time() -> bool:
    """Tell whether business time is the wall's: only then something may come of waiting within a run."""
    return isinstance(installed_clock() or process_clock(), SystemClock)
