"""Run the jobs in one process: `manage.py run_heartbeat`."""

import importlib
import math
import signal
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import celeryconfig
from thor.drivers.heartbeat import Heartbeat, LeaseHeld
from thor.drivers.mode import Mode, set_mode, tell_of_rivals
from thor.env import env
from thor.jobs.protocol import DeclaredJob, JobRegistry
from thor.jobs.registry import specs
from thor.jobs.selectors import others_enabled
from thor.jobs.sync import sync_jobs
from thor.leadership.clock import process_clock
from thor.leadership.seat import HEARTBEAT
from thor.marketdata.selectors.instruments import venues_in_use
from thor.markets.tempo import heartbeat_period
from thor.operations.preflight import check_trading

#: For how many seconds it is remembered which venues have an active instrument.
REMEMBERED = 30.0


class Command(BaseCommand):
    """Elect, plan, claim and run, all in this process, until SIGTERM or Ctrl-C."""

    help = (
        "Run Thor's jobs in this one process, without beat and without workers, until stopped. "
        "Example: manage.py run_heartbeat --fast-tick 1 --slow-tick 60"
    )

    _heartbeat: Heartbeat | None = None
    _is_stopping = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the two ticks and `--no-lock`."""
        parser.add_argument("--fast-tick", type=_seconds, default=1.0, metavar="S", help="while a market is open (1.0)")
        parser.add_argument("--slow-tick", type=_seconds, default=60.0, metavar="S", help="while all are closed (60.0)")
        parser.add_argument("--no-lock", action="store_true", help="lead without the lease: there must be no second")

    def handle(self, **options: Any) -> None:
        """Say what will run, and run it; status 0 after a signal, 1 where another scheduler leads."""
        fast, slow, no_lock = options["fast_tick"], options["slow_tick"], options["no_lock"]
        if slow < fast:
            raise CommandError(f"--slow-tick {slow:g} is shorter than --fast-tick {fast:g}; make it the longer one.")
        check_trading()
        self._take_signals()
        set_mode(Mode.HEARTBEAT)
        self.say("Starting the heartbeat scheduler")
        self.say(f"Fast tick: {fast:g}s, slow tick: {slow:g}s")
        with_lock = not (no_lock or env().disable_leader_lock)
        self.say(f"Leader lock: {'enabled' if with_lock else 'disabled'}")
        try:
            self._run(timedelta(seconds=fast), timedelta(seconds=slow), with_lock)
        except LeaseHeld as error:
            raise CommandError(f"run_heartbeat: {error}", returncode=1) from None

    def say(self, line: str) -> None:
        """Print a line at once."""
        self.stdout.write(line)
        self.stdout.flush()

    def _run(self, fast: timedelta, slow: timedelta, with_lock: bool) -> None:
        registry = JobRegistry()
        counted = load_jobs(registry)
        sync_jobs(at=process_clock().now())
        tempo = Tempo(fast, slow)
        self._heartbeat = Heartbeat(registry, tempo=tempo, fast=fast, slow=slow, with_lease=with_lock, say=self.say)
        if self._is_stopping:
            self._heartbeat.stop()
        self._heartbeat.run(lambda: self._tell(counted))
        self.say("Heartbeat stopped")

    def _tell(self, counted: int) -> None:
        """Say what runs from now on, and what does not."""
        self.say(f"Heartbeat ready with {counted} jobs")
        self.say(f"Registered {counted} jobs")
        others = others_enabled()
        if others:
            self.say(f"{others} other entries need beat: celery -A thor beat, with workers, runs them")
        tell_of_rivals(HEARTBEAT, self.say)

    def _take_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, *_: Any) -> None:
        self._is_stopping = True
        if self._heartbeat is not None:
            self._heartbeat.stop()


class Tempo:
    """How long the next tick is, for `Ticks`: by the markets, and the venues that somebody trades on."""

    def __init__(self, fast: timedelta, slow: timedelta) -> None:
        """Be `fast` while anything trades."""
        self._fast, self._slow = fast, slow
        self._venues: frozenset[str] = frozenset()
        self._asked_at = -math.inf

    def __call__(self, at: datetime) -> timedelta:
        """Return the period of the tick that begins at `at`."""
        now = time.monotonic()
        if now > self._asked_at + REMEMBERED:
            self._venues, self._asked_at = venues_in_use(), now
        return heartbeat_period(at, self._venues, fast=self._fast, slow=self._slow)


def load_jobs(registry: JobRegistry) -> int:
    """Register the desk's jobs in their order, then whatever else is declared; return how many the desk's are."""
    counted: int = importlib.import_module(celeryconfig.imports[0]).register_all_jobs(registry)
    for spec in specs().values():
        if spec.name not in registry.jobs:
            registry.register(DeclaredJob(spec))
    return counted


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 3600:
        raise ArgumentTypeError(f"{text!r} is no tick; write seconds between 0.1 and 3600")
    return seconds
