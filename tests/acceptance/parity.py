"""What each driver decides in a stretch of virtual time: its own loop, seat, pace and carrier, on a clock that is set.

A driver's own code makes its `Contender`, and is stopped before that starts its threads; so nothing of what a driver
sets up is written down here a second time. In the place of the ledger's statement stands a list, in the place of the
lease one in memory, and what would be handed to a broker or a bench is counted and let go: a day of half a million
decisions is written nowhere. Bells, gate and schedule are the real ones, on the database of the test.
"""

import gc
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from thor.celery import app
from thor.drivers import beat, heartbeat, supervisor
from thor.drivers.contender import Contender
from thor.drivers.mode import Mode, set_mode
from thor.drivers.reign import Reign
from thor.drivers.system_start import ORIGIN
from thor.jobs import lines
from thor.jobs.decision import Decision, Planned, Written
from thor.jobs.forecast import Forecast
from thor.jobs.models import State
from thor.jobs.protocol import JobRegistry
from thor.jobs.registry import specs
from thor.jobs.sync import sync_jobs
from thor.leadership.clock import live_by
from thor.leadership.elector import Elector
from thor.markets import registry, transitions
from thor.operations.management.commands import run_heartbeat
from thor.testing.lease import InMemoryLease
from thor.timing import ManualClock, micros

#: A scheduler that begins on an empty ledger makes good what is owed; that is before the stretch that is compared.
WARM_UP = timedelta(minutes=10)
MICROSECOND = timedelta(microseconds=1)
#: Chores come once in so many times their period: nobody edits anything here.
SELDOM = 1200
#: Rows of somebody's own, beside those of Thor's jobs.
OWN = ("own: every 7 s", "own: half past nine in New York")

#: An entry, its market, the session's date, and the origin of the run.
Key = tuple[str, str, date | None, str]


@dataclass
class Decided:
    """A list of occurrences: for each entry, market, session and origin the instants (µs), in order of decision."""

    due: dict[Key, "array[int]"] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    #: What was dropped, and why: entry, first, last, how many, reason.
    dropped: list[tuple[str, datetime, datetime, int, str]] = field(default_factory=list)
    handed_over: int = 0

    @property
    def count(self) -> int:
        """Return how many occurrences there are."""
        return sum(map(len, self.due.values()))

    def add(self, row: Planned) -> None:
        """Take a row of a decision."""
        if row.state == State.DUE:
            self.due[row.name, row.market, row.session_date, row.origin].append(micros(row.nominal_at))
        else:
            self.dropped.append((row.name, row.nominal_at, row.last_at or row.nominal_at, row.count, row.reason))

    def within(self, start: datetime, end: datetime) -> "Occurrences":
        """Return what falls into [start, end), sorted."""
        low, high = micros(start), micros(end)
        kept = {key: sorted(at for at in found if low <= at < high) for key, found in self.due.items()}
        return {key: found for key, found in kept.items() if found}

    def lost(self, start: datetime, end: datetime) -> list[tuple[str, datetime, datetime, int, str]]:
        """Return what was dropped in [start, end)."""
        return [one for one in self.dropped if one[2] >= start and one[1] < end]


Occurrences = dict[Key, list[int]]


def foretold(found: Forecast) -> Occurrences:
    """Return the occurrences that the page of the plan shows, one by one."""
    told: Occurrences = defaultdict(list)
    for one in found.series:
        assert one.count == 1 or one.period is not None, one
        step = micros(datetime(1970, 1, 1, tzinfo=UTC) + (one.period or MICROSECOND))
        instants = range(micros(one.first_at), micros(one.last_at) + 1, step)
        assert len(instants) == one.count, one
        told[one.entry, one.market, one.session_date, ""].extend(instants)
    return {key: sorted(instants) for key, instants in told.items()}


def is_of_a_job(key: Key) -> bool:
    """Tell whether the entry is one of Thor's jobs."""
    return key[0].partition(" @ ")[0] in specs()


def of_others(found: Occurrences) -> Occurrences:
    """Return the occurrences of rows that are no job's."""
    return {key: instants for key, instants in found.items() if not is_of_a_job(key)}


def of_jobs(found: Occurrences) -> Occurrences:
    """Return the occurrences of Thor's jobs."""
    return {key: instants for key, instants in found.items() if is_of_a_job(key)}


def prepare(begins_at: datetime) -> None:
    """Make the lines of all jobs, some of somebody's own, and the one that Celery has beat install."""
    beat.ThorScheduler(app=app, lazy=True).install_default_entries({})
    sync_jobs(at=begins_at - MICROSECOND)
    every = IntervalSchedule.objects.get_or_create(every=7, period="seconds")[0]
    half_past = CrontabSchedule.objects.create(minute="30", hour="9", timezone="America/New_York")
    PeriodicTask.objects.create(name=OWN[0], task="celery.backend_cleanup", interval=every)
    PeriodicTask.objects.create(name=OWN[1], task="celery.backend_cleanup", crontab=half_past)
    lines.identify(begins_at - MICROSECOND)


class _Enough(Exception):
    """The driver has set up what it contends with."""


class _Caught(Contender):
    """A contender that says what it is instead of starting its threads."""

    last: "Contender | None" = None

    def start(self) -> None:
        type(self).last = self
        raise _Enough


def of_beat() -> Reign:
    """Return the loop that `celery -A thor beat` turns, in the mode that is set."""
    bound = patch("thor.drivers.beat.bind_this_thread")
    with patch("thor.drivers.beat.Contender", _Caught), bound, suppress(_Enough):
        beat.ThorScheduler(app=app, lazy=True).tick()
    return _caught()


def of_heartbeat() -> Reign:
    """Return the loop that `manage.py run_heartbeat` turns, with its own ticks."""
    said = run_heartbeat.Command().create_parser("manage.py", "run_heartbeat").parse_args([])
    fast, slow = timedelta(seconds=said.fast_tick), timedelta(seconds=said.slow_tick)
    jobs = JobRegistry()
    run_heartbeat.load_jobs(jobs)
    return heartbeat.Heartbeat(jobs, tempo=run_heartbeat.Tempo(fast, slow), fast=fast, slow=slow).contender.reign


def of_stack() -> Reign:
    """Return the loop that the background stack of legacy mode turns."""
    with patch("thor.drivers.supervisor.Contender", _Caught), suppress(_Enough):
        supervisor.Stack(delay=0)._contend()
    return _caught()


def _caught() -> Reign:
    assert _Caught.last is not None
    found, _Caught.last = _Caught.last, None
    return found.reign


@contextmanager
def in_mode(mode: Mode) -> Iterator[None]:
    """Set the mode of this process while the block lasts."""
    set_mode(mode)
    try:
        yield
    finally:
        set_mode(Mode.HEARTBEAT)


def decided_by(
    driver: Callable[[], Reign],
    start: datetime,
    end: datetime,
    *,
    mode: Mode = Mode.HEARTBEAT,
    change: Callable[[Reign], None] = lambda reign: None,
) -> Decided:
    """Turn the loop of a driver from shortly before `start` until `end`; nothing of it stays in the database.

    `change` is for tests of these tests: it may break what the driver has set up.
    """
    clock, found = ManualClock(start - WARM_UP), Decided()
    with live_by(clock), in_mode(mode), _in_place_of_the_machine(clock, found), transaction.atomic():
        reign = driver()
        reign.elector = Elector(InMemoryLease(lambda: 0.0), timedelta(seconds=1), now=lambda: 0.0)
        change(reign)
        _let_go(reign.carrier, found)
        _turn(reign, clock, end)
        transaction.set_rollback(True)
    registry.forget()
    transitions._quiet.clear()
    return found


@contextmanager
def _in_place_of_the_machine(clock: ManualClock, found: Decided) -> Iterator[None]:
    """Put a list in the place of the ledger's statement; let what is done now and then go by the clock of the test."""
    begins_at = clock.now()

    def seconds() -> float:
        return (clock.now() - begins_at).total_seconds() / SELDOM

    gc.collect()
    gc.disable()
    try:
        with (
            patch("thor.drivers.dispatch.decide", lambda made: _write(made, found)),
            patch("thor.drivers.timer.boottime", seconds),
            patch("thor.drivers.lead.boottime", seconds),
            patch("thor.drivers.reign.term.decided_until"),  # a sign of life of the database, once a decision
        ):
            yield
    finally:
        gc.enable()


def _turn(reign: Reign, clock: ManualClock, end: datetime) -> None:
    reign.act()
    while clock.now() < end - MICROSECOND:
        lead = reign.lead
        assert lead is not None
        clock.set(min(clock.now() + max(lead.until_next(), MICROSECOND), end - MICROSECOND))
        reign.act()


def _write(decision: Decision, found: Decided) -> list[Written]:
    for row in decision.planned:
        found.add(row)
    return [Written(row.uid, seq, row.state) for seq, row in enumerate(decision.planned)]


def _let_go(carrier: Any, found: Decided) -> None:
    """Let the carrier count what it is handed, and forget it."""

    def publish(messages: Iterable[Any], parcels: Any) -> None:
        # What a start of the system brings is in the ledger without a decision about time.
        found.handed_over += sum(message.occurrence.origin != ORIGIN for message in messages)

    carrier.publish = publish
    carrier.pack = lambda messages: {}
    carrier.depth = lambda queue: None
