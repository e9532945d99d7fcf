"""Leave a run out whose window is not what it was when the run was decided.

Windows are judged when time is decided, and here once more by the hours as they are by now: an override may have been
entered, a market switched off, or a window edited while the run waited for its worker. A slot that is due at an instant
is judged by that instant; a run that comes once a session by this moment, since any moment of its window will do.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from thor.jobs.claim import Claimed
from thor.jobs.middleware.left_out import LeftOut
from thor.leadership.clock import process_clock
from thor.timing import Always, Between, ReplayClock, Sessions, Window, parse_window
from thor.timing.entry import MARKS, Marks
from thor.timing.spans import span_index

WHOLE_SESSION = Between("open", "close")


class InWindow:
    """Judge the window again before anything is said to have started; what a person asked for is not judged."""

    options = frozenset[str]()

    def around(self, run: Claimed, body: Callable[[], Any]) -> Any:
        """Call the body, or raise `LeftOut` with what has changed."""
        if run.window and run.occurrence.market and not run.occurrence.origin:
            _refuse_outside(run, run.occurrence.market)
        return body()


def _refuse_outside(run: Claimed, key: str) -> None:
    from thor.markets.registry import market  # here, since it brings models, and jobs are declared before them
    from thor.markets.sessions import sessions_of
    from thor.markets.store import CalendarUnavailable

    if not market(key).active:
        raise LeftOut(f"the market {key} is not active")
    try:
        sessions = sessions_of(key)
    except CalendarUnavailable:
        return  # who decided could read it
    if not _is_inside(run, sessions):
        raise LeftOut(f"outside its window by now: {run.window}")


def _is_inside(run: Claimed, sessions: Sessions) -> bool:
    window = _parsed(run.window)
    if run.once_a_session:
        at = _moment(run)
        return _holds(WHOLE_SESSION if isinstance(window, Always) else window, sessions, at)
    at = run.occurrence.nominal_at
    bells = run.also_at.intersection(MARKS)
    return _holds(window, sessions, at) or (bool(bells) and _holds(Marks(frozenset(bells)), sessions, at))


def _moment(run: Claimed) -> datetime:
    """Return this moment; in a replay the run's own, since a window may pass there while a message is on its way."""
    clock = process_clock()
    return run.occurrence.nominal_at if isinstance(clock, ReplayClock) else clock.now()


def _holds(window: Window, sessions: Sessions, at: datetime) -> bool:
    return next(iter(span_index(window, sessions).touching(at, at)), None) is not None


_parsed = lru_cache(maxsize=256)(parse_window)
