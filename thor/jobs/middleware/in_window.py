"""Leave a run out whose window is not what it was when the run was decided.

Windows are judged when time is decided, and here once more by the hours as they are by now: an override may have been
entered, a market switched off, or a window edited while the run waited for its worker. A slot that is due at an instant
is judged by that instant; a run that comes once a session by this moment, since any moment of its window will do.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from thor.jobs.bells import is_at_bell
from thor.jobs.claim import Claimed
from thor.jobs.middleware.left_out import LeftOut
from thor.leadership.clock import process_clock
from thor.timing import Always, Between, ReplayClock, Sessions, Window, parse_window
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
    from thor.markets import registry  # here, since it brings models, and jobs are declared before them

    if not _why_not(run, key):
        return
    # Who decided may have seen an edit that this process has not: it looks once more before it refuses.
    registry.forget()
    reason = _why_not(run, key)
    if reason:
        raise LeftOut(reason)


def _why_not(run: Claimed, key: str) -> str:
    """Return why the run is to be left out by the hours of its market, empty if it is not."""
    from thor.markets.registry import market
    from thor.markets.sessions import sessions_of
    from thor.markets.store import CalendarUnavailable

    if not market(key).active:
        return f"the market {key} is not active"
    try:
        sessions = sessions_of(key)
    except CalendarUnavailable:
        return ""  # who decided could read it
    return "" if _is_inside(run, sessions) else f"outside its window by now: {run.window}"


def _is_inside(run: Claimed, sessions: Sessions) -> bool:
    window = _parsed(run.window)
    if run.once_a_session:
        at = _moment(run)
        return _holds(WHOLE_SESSION if isinstance(window, Always) else window, sessions, at)
    at = run.occurrence.nominal_at
    return _holds(window, sessions, at) or is_at_bell(run.occurrence, run.also_at)


def _moment(run: Claimed) -> datetime:
    """Return this moment, by a clock that may be slow but is not before the run's own.

    In a replay it is the run's own, since a window may pass there while a message is on its way.
    """
    clock, nominal_at = process_clock(), run.occurrence.nominal_at
    return nominal_at if isinstance(clock, ReplayClock) else max(nominal_at, clock.now())


def _holds(window: Window, sessions: Sessions, at: datetime) -> bool:
    return next(iter(span_index(window, sessions).touching(at, at)), None) is not None


_parsed = lru_cache(maxsize=256)(parse_window)
