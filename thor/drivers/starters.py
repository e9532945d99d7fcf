"""The starters of old, by what they started: each asks the one guard, and says what it started or skipped.

    always on        the Excel poller, the open capture, the grader, the pre-open backtest, and every job that is not
                     bound to trading hours: a thread each
    while it trades  VWAP, 52-week extremes and the like: a thread each while any of their markets trades; intraday: a
                     thread a market. They begin at the bell, or at the start for markets that trade already, and end
                     at the bell with what is still theirs to do

A starter that fails is logged and stops no other. What may start the whole stack by itself is said at the end: web
servers, and nothing else. This file belongs to legacy mode: it is deleted with `supervisor`.
"""

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path

from thor.drivers.crew import Crew
from thor.drivers.mode import legacy_allowed
from thor.jobs.registry import owned
from thor.jobs.sync import markets_of
from thor.markets.selectors import active_tables, phase
from thor.timing import During, Phase

logger = logging.getLogger(__name__)

POLLER, GRADER, CAPTURE = "excel_poll", "market_open_grading", "market_open_capture"
BACKTEST, VWAP, WEEK52, INTRADAY = "preopen_backtest", "vwap_minute", "week52_extremes", "intraday"

#: The phases between the two bells of a session.
UNDER_WAY = frozenset({Phase.open, Phase.break_, Phase.pre_close})

Starter = Callable[..., None]

#: Every starter and stopper by name: `verify_legacy_starters` calls them all.
STARTERS: dict[str, Starter] = {}
_SKIPPED = "Skipping legacy %s (heartbeat scheduler mode active)"
_whats: list[str] = []


def guarded(what: str) -> Callable[[Starter], Starter]:
    """Let a starter do nothing but in legacy mode, and let its failure stop no other."""

    def guard(starter: Starter) -> Starter:
        @functools.wraps(starter)
        def asked(crew: Crew, *arguments: str | datetime) -> None:
            if not legacy_allowed():
                logger.debug(_SKIPPED, what)
                return
            try:
                starter(crew, *arguments)
            except Exception:  # whatever it is, the others must start
                logger.exception("%s: %s failed", starter.__name__, what)

        STARTERS[starter.__name__] = asked
        _whats.append(what)
        return asked

    return guard


@guarded("Excel poller supervisor")
def start_excel_poller(crew: Crew) -> None:
    """Start what reads the workbook."""
    _start(crew, POLLER, "Excel poller supervisor started")


@guarded("Market Open Capture supervisor")
def start_market_open_capture(crew: Crew) -> None:
    """Start what captures opens."""
    _start(crew, CAPTURE, "Market Open Capture supervisor started")


@guarded("Market Open Grader supervisor")
def start_market_open_grader(crew: Crew) -> None:
    """Start what grades what was captured."""
    _start(crew, GRADER, "Market Open Grader supervisor started")


@guarded("Pre-open Backtest supervisor")
def start_preopen_backtest(crew: Crew) -> None:
    """Start what runs the backtests in the minute before an open."""
    _start(crew, BACKTEST, "Pre-open Backtest Supervisor started")


@guarded("52-week supervisor")
def start_week52_monitor(crew: Crew) -> None:
    """Start what keeps the extremes of 52 weeks."""
    _start(crew, WEEK52, "52-Week Extremes monitor started")


@guarded("VWAP capture service")
def start_vwap_capture(crew: Crew) -> None:
    """Start what samples prices and volumes once a minute."""
    _start(crew, VWAP, "VWAP capture thread started")


@guarded("supervisors of other jobs")
def start_other_supervisors(crew: Crew) -> None:
    """Start a thread for every job that has none of its own name above and is not bound to trading hours."""
    named = {POLLER, GRADER, CAPTURE, BACKTEST}
    for name in owned():
        if name not in named and name not in _bound():
            _start(crew, name, f"Supervisor of {name} started")


@guarded("VWAP/52w starters")
def start_global_background_services(crew: Crew) -> None:
    """Start what works while markets trade, as far as one of its markets does."""
    by_name = {VWAP: start_vwap_capture, WEEK52: start_week52_monitor}
    for name in _services(crew, trading=True):
        if name in by_name:
            by_name[name](crew)
        else:
            _start(crew, name, f"Supervisor of {name} started")


@guarded("VWAP/52w stoppers")
def stop_global_background_services(crew: Crew) -> None:
    """Stop what works while markets trade, as far as none of its markets does any more."""
    for name in _services(crew, trading=False):
        if crew.stop(name):
            logger.info("Supervisor of %s stopped", name)


@guarded("intraday supervisor open")
def on_market_open(crew: Crew, market: str) -> None:
    """Begin what works while a market trades."""
    crew.trading.add(market)
    if market in _markets(INTRADAY) and crew.start(INTRADAY, market):
        logger.info("Intraday worker for %s started", market)
    start_global_background_services(crew)


@guarded("intraday supervisor close")
def on_market_close(crew: Crew, market: str) -> None:
    """End what works while a market trades."""
    crew.trading.discard(market)
    if crew.stop(INTRADAY, market):
        logger.info("Intraday worker for %s stopped", market)
    stop_global_background_services(crew)


@guarded("bootstrap of open markets")
def bootstrap_open_markets(crew: Crew, at: datetime) -> None:
    """Begin what works for each market whose session is under way: its bell rang before this process was there.

    A break belongs to the session: no bell rings at its end.
    """
    for market, _ in active_tables():
        if phase(market.key, at) in UNDER_WAY:
            on_market_open(crew, market.key)


def say_skipped() -> None:
    """Say what this process would start in legacy mode."""
    for what in ("background stack", *_whats):
        logger.debug(_SKIPPED, what)


#: What is started as soon as a stack leads, in this order.
ALWAYS_ON: tuple[Starter, ...] = (
    start_excel_poller,
    start_market_open_grader,
    start_market_open_capture,
    start_preopen_backtest,
    start_other_supervisors,
)


def _start(crew: Crew, job: str, said: str) -> None:
    if job in owned() and crew.start(job):
        logger.info(said)


def _services(crew: Crew, *, trading: bool) -> list[str]:
    """Return the jobs of which some market trades, or of which none does; intraday has its own threads."""
    names = [name for name in _bound() if name not in (POLLER, GRADER, INTRADAY)]
    return [name for name in names if trading is not crew.trading.isdisjoint(_markets(name))]


def _bound() -> list[str]:
    """Return the jobs that are bound to trading hours."""
    return [name for name, spec in owned().items() if spec.window == During("open")]


def _markets(job: str) -> list[str]:
    spec = owned().get(job)
    return [] if spec is None else markets_of(spec)


#: Programs that serve pages; each is known by its own name, or as `python -m NAME`.
SERVERS = frozenset({"gunicorn", "uvicorn", "daphne", "hypercorn", "granian", "uwsgi", "mod_wsgi"})
MANAGERS = frozenset({"manage", "django-admin", "django"})


def why_not_here() -> str:
    """Return why this process does not start the stack by itself; nothing where it does.

    Web servers are recognised; whatever is not recognised starts nothing: commands, tests, workers, scripts.
    """
    name, arguments = _program(sys.argv), sys.argv[1:]
    if name in SERVERS:
        return ""
    if name not in MANAGERS or arguments[:1] != ["runserver"]:
        return f"{' '.join([name, *arguments[:1]])} is no web server"
    if "--noreload" in arguments or os.environ.get("RUN_MAIN") == "true":
        return ""
    return "the autoreloader's own process; its child starts it"


def will_fork() -> bool:
    """Tell whether this process is the parent that is to fork the workers of a web server: it serves nothing itself."""
    name = _program(sys.argv)
    if name == "gunicorn":  # with --preload; without, the application is loaded by a worker
        return not any(module.startswith("gunicorn.workers") for module in _callers())
    if name == "uwsgi":
        return bool(import_module("uwsgi").worker_id() == 0)
    return False


def in_each_child(start: Callable[[], object]) -> None:
    """Call `start` in each process that this one forks, and in none that those fork."""
    parent = os.getpid()

    def begin() -> None:
        if os.getppid() == parent:
            start()

    os.register_at_fork(after_in_child=begin)


def _program(argv: list[str]) -> str:
    """Return the name of a program: of `python -m NAME` the name of the package."""
    path = Path(argv[0] if argv else "")
    return path.parent.name if path.name == "__main__.py" else path.stem


def _callers() -> Iterator[str]:
    """Return the modules whose functions are under way in this thread."""
    frame = sys._getframe()
    while frame is not None:
        yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back  # type: ignore[assignment]
