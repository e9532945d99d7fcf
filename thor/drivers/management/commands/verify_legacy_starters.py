"""Verify that every starter of legacy mode asks the guard, by calling each in both modes and counting threads."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand

from thor.drivers import starters
from thor.drivers.bench import Bench
from thor.drivers.crew import Crew
from thor.drivers.mode import Mode, mode, set_mode
from thor.drivers.supervisor import start_thor_background_stack, stop_thor_background_stack
from thor.env import env
from thor.jobs.registry import owned
from thor.jobs.sync import markets_of
from thor.leadership.clock import process_clock

#: Those that end threads.
STOPPERS = {"stop_global_background_services", "on_market_close"}


class Command(BaseCommand):
    """Call each starter; the bench stays empty and the lease is left alone, so no job runs."""

    help = "Call each starter of legacy mode in both modes, and count the threads that it starts."

    def handle(self, **options: Any) -> None:
        """Print a line a starter; exit with 1 if one is not guarded, or starts nothing in legacy mode."""
        with _quiet(), _all_jobs():
            verdicts = [self._say(name, self._trial(name)) for name in starters.STARTERS]
            verdicts.append(self._say("start_thor_background_stack", _whole_stack))
        if not all(verdicts):
            self.stdout.write("Some legacy starters are not properly guarded")
            raise SystemExit(1)
        self.stdout.write("All legacy starters properly guarded")

    def _trial(self, name: str) -> Callable[[Mode], int]:
        return lambda tried: (_stopped if name in STOPPERS else _started)(name, tried)

    def _say(self, name: str, change: Callable[[Mode], int]) -> bool:
        before = mode()
        try:
            skipped, done = change(Mode.HEARTBEAT), change(Mode.LEGACY)
        finally:
            set_mode(before)
        is_guarded = skipped == 0 and done != 0
        verdict = "guarded" if is_guarded else "NOT GUARDED" if skipped else "DOES NOTHING"
        self.stdout.write(f"{name}: {verdict} (threads: {skipped:+d} in heartbeat mode, {done:+d} in legacy mode)")
        return is_guarded


def _started(name: str, tried: Mode) -> int:
    """Return how many threads a starter starts in a mode."""
    with _crew() as crew:
        if name == "start_global_background_services":
            crew.trading.update(_a_market())
        return _change(lambda: _call(name, crew), tried)


def _stopped(name: str, tried: Mode) -> int:
    """Return by how many the threads change when a stopper is called in a mode, on markets that had opened."""
    with _crew() as crew:
        set_mode(Mode.LEGACY)
        for market in _a_market():
            starters.on_market_open(crew, market)
        if name == "stop_global_background_services":
            crew.trading.clear()
        running = set(crew.names())

        def stop() -> None:
            _call(name, crew)
            crew.join_leaving()

        assert running  # noqa: S101  (a market on which nothing is started would prove nothing)
        return _change(stop, tried)


def _call(name: str, crew: Crew) -> None:
    arguments: dict[str, list[Any]] = {"bootstrap_open_markets": [process_clock().now()]}
    if name in ("on_market_open", "on_market_close"):
        arguments[name] = _a_market()
    starters.STARTERS[name](crew, *arguments.get(name, []))


def _whole_stack(tried: Mode) -> int:
    """Return how many threads the start of the whole stack starts; it is stopped long before it would contend."""
    try:
        return _change(lambda: start_thor_background_stack(force=True, delay=threading.TIMEOUT_MAX), tried)
    finally:
        stop_thor_background_stack()


def _change(call: Callable[[], object], tried: Mode) -> int:
    set_mode(tried)
    before = threading.active_count()
    call()
    return threading.active_count() - before


@contextmanager
def _crew() -> Iterator[Crew]:
    """Give a crew at an empty bench, and send it home."""
    crew = Crew(Bench())
    try:
        yield crew
    finally:
        crew.leave()
        crew.join(10.0)


@contextmanager
def _all_jobs() -> Iterator[None]:
    """Verify the starters of all jobs, whichever this installation has: a job that is left out starts nothing."""
    before = env().jobs
    os.environ["THOR_JOBS"] = "all"
    env.cache_clear()
    try:
        yield
    finally:
        os.environ["THOR_JOBS"] = before
        env.cache_clear()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the starters from saying that they started what is stopped again at once."""
    log = logging.getLogger("thor.drivers")
    before = log.level
    log.setLevel(max(logging.WARNING, log.getEffectiveLevel()))
    try:
        yield
    finally:
        log.setLevel(before)


def _a_market() -> list[str]:
    """Return one active market on which intraday runs."""
    return markets_of(owned()[starters.INTRADAY])[:1]
