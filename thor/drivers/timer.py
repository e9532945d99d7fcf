"""Things to do every so often, when there is time for them."""

from datetime import timedelta

from thor.leadership.elector import boottime


class Timer:
    """Something to do every so often, on a clock that never steps; a little later where something urgent is near."""

    def __init__(self, period: timedelta, *, at_once: bool = True, patience: timedelta = timedelta(0)) -> None:
        """Be due every `period`, and wait up to `patience` for a quiet moment."""
        self._period, self._patience = period.total_seconds(), patience.total_seconds()
        self._next = float("-inf") if at_once else boottime() + self._period

    def is_due(self, *, is_quiet: bool = True) -> bool:
        """Tell whether it is time, and if so wind up for the next."""
        now = boottime()
        if now < self._next + (0 if is_quiet else self._patience):
            return False
        self._next = now + self._period
        return True

    def hurry(self) -> None:
        """Be due as soon as there is a quiet moment."""
        self._next = min(self._next, boottime())
