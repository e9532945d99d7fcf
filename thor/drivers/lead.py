"""What a scheduler does while it leads: read the schedule, ring the bells, decide, publish, and the chores."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTasks

from thor.drivers import chores, gate
from thor.drivers.agenda import Agenda
from thor.drivers.dispatch import Dispatcher
from thor.drivers.memory import BrokerMemory
from thor.drivers.publish import Publisher
from thor.jobs import events
from thor.jobs.ledger import SILENCE
from thor.jobs.models import Control
from thor.jobs.schedule import Schedule
from thor.leadership import term
from thor.leadership.elector import boottime
from thor.leadership.term import Reign
from thor.markets import transitions
from thor.timing import Clock, ReplayClock

logger = logging.getLogger(__name__)

LOOK = timedelta(seconds=0.25)
#: Everything is read again this often, so that an edit that told nobody is found as well.
READ_ALL = timedelta(seconds=30)
SWEEP = timedelta(seconds=1)
SHOW = timedelta(seconds=5)
#: Time is decided at least this often, also while nothing is due.
ADVANCE = timedelta(seconds=5)
RECALL = timedelta(seconds=0.3)
PUBLISH_AGAIN = timedelta(seconds=0.5)


class Timer:
    """Something to do every so often, on a clock that never steps."""

    def __init__(self, period: timedelta, *, at_once: bool = True) -> None:
        self._period = period.total_seconds()
        self._next = float("-inf") if at_once else boottime() + self._period

    def is_due(self) -> bool:
        """Tell whether it is time, and if so wind up for the next."""
        now = boottime()
        if now < self._next:
            return False
        self._next = now + self._period
        return True


class Lead:
    """One reign, from the raised term on. Everything it knows it has read from the database after its term began."""

    def __init__(
        self, reign: Reign, *, publisher: Publisher, clock: Clock, alive: Callable[[], None] = lambda: None
    ) -> None:
        """Begin: ring the bells that were missed, read the schedule. `alive` is called while that takes its time."""
        self.term, self._clock, self._alive = reign.term, clock, alive
        now = clock.now()
        self._schedule, self._agenda = Schedule(), Agenda()
        self._dispatcher = Dispatcher(reign=reign, agenda=self._agenda, publisher=publisher, clock=clock, at=now)
        self._look, self._read_all = Timer(LOOK), Timer(READ_ALL, at_once=False)
        self._sweep, self._show, self._again = Timer(SWEEP), Timer(SHOW, at_once=False), Timer(PUBLISH_AGAIN)
        self._memory, self._recall = BrokerMemory(str(term.installation())), Timer(RECALL)
        self._remembered = reign.published_seq
        self._began, self._advance = boottime(), Timer(ADVANCE)
        self._seen_change: datetime | None = None
        self._warn_if_time_is_behind(now)
        transitions.bootstrap_open_markets(now)
        alive()
        self._rung_until = now
        self._next_bell = transitions.next_transition_at(now)
        self._next_edge: datetime | None = None
        self._read(now)

    def turn(self) -> None:
        """Do everything that is due now."""
        now = self._clock.now()
        if self._look.is_due():
            if self._was_edited():
                self._read(now)
            self._dispatcher.publish_requests()
        self._ring(now)
        if self._dispatcher.is_behind and self._again.is_due():
            self._dispatcher.catch_up_publishing()
        self._dispatcher.turn(now)
        if self._advance.is_due():
            self._dispatcher.advance(now)
        self._watch_broker()
        if self._sweep.is_due():
            # Workers may have been silent because the database was away; they get the time to be heard again.
            chores.sweep(with_lost=boottime() - self._began > SILENCE.total_seconds())
        if self._show.is_due():
            chores.show_last_runs(self._dispatcher)

    def until_next(self) -> timedelta:
        """Return how long on the wall until anything is due: an entry, a bell, an edge; in a replay its next tick."""
        wall = self._clock.wall()
        if isinstance(self._clock, ReplayClock):
            return self._clock.next_tick(wall) - wall
        instants = (self._agenda.next_due(), self._next_bell, self._next_edge)
        waits = (self._clock.wall_of(instant) - wall for instant in instants if instant is not None)
        return max(timedelta(0), min(waits, default=LOOK))

    def _was_edited(self) -> bool:
        """Tell whether the schedule changed since it was read: announced, or `READ_ALL` has passed without a look."""
        change = PeriodicTasks.last_change()
        is_new, self._seen_change = change != self._seen_change, change
        return self._read_all.is_due() or is_new

    def _read(self, now: datetime) -> None:
        """Read the schedule anew; what did not change keeps its place."""
        gate.settle(now)
        self._next_edge = gate.next_edge_at(now)
        changed, gone = self._schedule.look(now, progress=self._alive)
        self._alive()
        changed = self._agenda.apply(changed, gone, after=self._dispatcher.decided_until)
        resumed = self._dispatcher.settle_pauses(changed, now)
        Control.objects.filter(entry_id__in=[row.id for row in resumed]).update(resumed_at=None)
        if changed or gone:
            events.emit("thor.schedule.read", lines=len(self._agenda.rows), changed=len(changed), gone=len(gone))

    def _ring(self, now: datetime) -> None:
        if self._next_bell is not None and self._next_bell <= now:
            transitions.make_transitions(self._rung_until, now)
            self._rung_until = now
            self._next_bell = transitions.next_transition_at(now)
        if self._next_edge is not None and self._next_edge <= now:
            gate.settle(now)
            self._next_edge = gate.next_edge_at(now)

    def _watch_broker(self) -> None:
        """Keep the mark of what is published, and publish again what a broker without memory has lost."""
        known, published, since = self._remembered, self._dispatcher.published_seq, None
        if known != published:
            self._remembered = published
            since = self._memory.remember(published, known=known)
        elif self._recall.is_due() and not self._dispatcher.is_behind:
            since = self._memory.forgotten_since(known)
        if since is not None:
            self._dispatcher.publish_since(since)
            self._remembered = since

    def _warn_if_time_is_behind(self, now: datetime) -> None:
        if self._dispatcher.decided_until > now + timedelta(seconds=1):
            logger.error(
                "time is decided until %s, and it is %s: nothing fires until then. A clock was set back, or a replay "
                "began anew on a ledger that had been used; use a database of its own for each replay.",
                self._dispatcher.decided_until.isoformat(),
                now.isoformat(),
            )
