"""What a scheduler does while it leads: decide and publish what is due, ring the bells, read the schedule, clean up."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTasks

from thor.drivers import chores, moved
from thor.drivers.bells import Bells, Chore, Deaf
from thor.drivers.carrier import Carrier
from thor.drivers.dispatch import Dispatcher
from thor.drivers.pace import Exact, Pace
from thor.drivers.system_start import start_system
from thor.drivers.timer import Timer
from thor.drivers.timetable import Timetable
from thor.jobs import controls, events
from thor.jobs.ledger import SILENCE
from thor.jobs.models import Control
from thor.leadership import term
from thor.leadership.elector import boottime
from thor.leadership.seat import Part
from thor.leadership.term import Reign
from thor.markets import registry
from thor.timing import Clock, ReplayClock
from thor.timing.entry import FIXED_TIME_GRACE
from thor.timing.instants import MICROSECOND

logger = logging.getLogger(__name__)

LOOK = timedelta(seconds=0.25)
#: Everything is read again this often, so that an edit that told nobody is found as well.
READ_ALL = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
SHOW = timedelta(seconds=4)
#: Time is decided at least this often, also while nothing is due.
ADVANCE = timedelta(seconds=5)
RECALL = timedelta(seconds=0.3)
PUBLISH_AGAIN = timedelta(seconds=0.5)
#: Seconds without a sweep after which nobody's silence says anything.
STOOD_STILL = 3.0
#: A moment is quiet if nothing is due for so long.
QUIET = timedelta(seconds=0.05)
#: How long a chore waits for a quiet moment.
PATIENCE = timedelta(seconds=0.1)
#: After something was due, what follows within this is decided together with it.
GATHER = timedelta(milliseconds=4)
#: Nothing that is due waits longer for a tick, however slow it is: half the grace of a fixed time.
LONGEST_WAIT = FIXED_TIME_GRACE / 2


class Lead:
    """One reign, from the raised term on.

    `timetable` is what the process knew of the schedule while it stood by. Whatever it is, the schedule is looked at
    after the term began, and before anything is decided.
    """

    def __init__(
        self,
        reign: Reign,
        *,
        carrier: Carrier,
        clock: Clock,
        pace: Pace | None = None,
        timetable: Timetable | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin: read the schedule, ring the bells that were missed. `alive` is called while that takes its time."""
        self.term, self._clock, self._pace, self._alive = reign.term, clock, pace or Exact(), alive
        now = clock.now()
        self._pace.hurry()  # what a reign before this one waited for is of no interest
        decided_until = reign.decided_until or now - MICROSECOND
        self._timetable = timetable or Timetable(decided_until, reign.seat.parts)
        self._timetable.begin(decided_until, reign.ahead)
        self._dispatcher = Dispatcher(reign=reign, timetable=self._timetable, carrier=carrier, clock=clock, alive=alive)
        self._outgoing = self._dispatcher.outgoing
        self._memory = carrier.memory(str(term.installation()))
        self._remembered = reign.published_seq
        self._heard_since = self._swept_at = boottime()
        self._seen_change: datetime | None = None
        self._has_fired, self._has_read, self._turned_at = False, False, now
        self._warn_if_time_is_behind(now)
        self._read_all, self._recall, self._again = Timer(READ_ALL, at_once=False), Timer(RECALL), Timer(PUBLISH_AGAIN)
        self._look = Timer(LOOK, at_once=False, patience=PATIENCE)
        self._show = Timer(SHOW, at_once=False, patience=PATIENCE)
        self._bells = Bells(now) if Part.JOBS in reign.seat.parts else Deaf()
        self._chores: tuple[Chore, ...] = (
            (self._look, lambda _: self._look_around()),
            (Timer(ADVANCE), self._dispatcher.advance),
            (Timer(SECOND, patience=PATIENCE), lambda _: self._sweep()),
            (Timer(SECOND, at_once=False, patience=PATIENCE), lambda _: self._outgoing.find_lost()),
            (self._show, lambda _: chores.show_last_runs(self._dispatcher)),
            *self._bells.chores,
        )
        self._take_hours(now)
        start_system(reign, self._timetable.agenda.rows.values(), clock)

    def turn(self) -> None:
        """Do everything that is due now: first what is due to the instant, then what can wait a little."""
        # Read once: time is decided up to this instant, and not up to one at which this turn may only end.
        now = self._turned_at = self._clock.now()
        if self._outgoing.is_behind and self._again.is_due():
            self._outgoing.catch_up()
        if self._is_urgent(now):
            self._pace.hurry()
        self._has_fired = self._pace.is_time(now) and bool(self._dispatcher.turn(now))
        self._watch_broker()
        self._bells.ring(now)
        for timer, chore in self._chores:
            if timer.is_due(is_quiet=self.until_next() > QUIET):
                chore(now)
        self._dispatcher.prepare(self._clock.now())

    def _is_urgent(self, now: datetime) -> bool:
        """Tell whether a window opens or a bell rings, or something has waited so long that it might be too late."""
        due = self._dispatcher.next_due()
        return any(at <= now for at in self._bells.instants) or (due is not None and due <= now - LONGEST_WAIT)

    def until_next(self) -> timedelta:
        """Return how long on the wall until anything is due: an entry, a bell, an edge; in a replay also a tick."""
        wall = self._clock.wall()
        rest = GATHER if self._has_fired else timedelta(0)
        bells = [self._clock.wall_of(instant) - wall for instant in self._bells.instants]
        if isinstance(self._clock, ReplayClock):
            return max(rest, min([self._clock.next_tick(wall) - wall, *bells]))
        due = self._pace.turn_at(self._dispatcher.next_due())
        waits = [*bells, self._clock.wall_of(due) - wall] if due is not None else bells
        return max(rest, min(waits, default=LOOK))

    @property
    def bells(self) -> tuple[datetime, ...]:
        """Return the next bell and the next edge of a window: whoever leaps through time stops there."""
        return self._bells.instants

    def announce(self) -> None:
        """Look at schedule and hours soon: somebody said that one of them changed."""
        registry.forget()
        self._look.hurry()
        self._pace.hurry()

    def give_up(self) -> Timetable:
        """End the reign; return what is known of the schedule, for standing by."""
        self._dispatcher.forget_prepared()
        return self._timetable

    def _look_around(self) -> None:
        """Read what was edited, and publish what was waiting for room."""
        if self._bells.have_moved():
            self._take_hours(self._clock.now())
            self._pace.hurry()
        change = PeriodicTasks.last_change()
        is_new, self._seen_change = change != self._seen_change, change
        if self._read_all.is_due():
            self._bells.follow(self._clock.now())
            self._read(self._clock.now(), announced=False)
        elif is_new:
            self._read(self._clock.now(), announced=True)
            self._pace.hurry()
        self._outgoing.release()

    def _sweep(self) -> None:
        # Workers may have been silent because the database was away, or stood still under this very turn; they get the
        # time to be heard again.
        now, before = boottime(), self._swept_at
        self._swept_at = now
        if now - before > STOOD_STILL:
            self._heard_since = now
        chores.sweep(with_lost=now - self._heard_since > SILENCE.total_seconds())

    def _take_hours(self, now: datetime) -> None:
        """Go by the sessions as they are by now, and make good what that would take away."""
        before = self._bells.take_hours(now)
        self._alive()
        self._read(now, announced=False)
        moment = moved.Moment(now, self._timetable.decided(Part.JOBS), self._clock)
        if moved.make_good(self._timetable.agenda.rows.values(), before, moment):
            self._read(now, announced=False)

    def _read(self, now: datetime, *, announced: bool) -> None:
        """Read the schedule anew; what did not change keeps its place."""
        self._bells.settle(now)
        self._dispatcher.forget_prepared()
        controls.begin_pauses(self._timetable.decided(Part.JOBS))
        moved, gone = self._timetable.read(now, announced=announced, alive=self._alive)
        # The first look of a reign finds what a predecessor noted and did not live to write down.
        ended = moved if self._has_read else list(self._timetable.agenda.rows.values())
        resumed = self._dispatcher.settle_pauses(ended)
        self._has_read = True
        Control.objects.filter(entry_id__in=[row.id for row in resumed]).update(resumed_at=None)
        if moved or gone:
            lines = len(self._timetable.agenda.rows)
            events.emit("thor.schedule.read", lines=lines, changed=len(moved), gone=gone)

    def _watch_broker(self) -> None:
        """Keep the mark of what is published, and publish again what a broker without memory has lost."""
        known, published, since = self._remembered, self._outgoing.published_seq, None
        if known != published:
            self._remembered = published
            since = self._memory.remember(published, known=known)
        elif self._recall.is_due() and not self._outgoing.is_behind:
            since = self._memory.forgotten_since(known)
        if since is not None:
            self._outgoing.publish_since(since)
            self._remembered = since

    def _warn_if_time_is_behind(self, now: datetime) -> None:
        if self._dispatcher.decided_until > now + timedelta(seconds=1):
            logger.error(
                "time is decided until %s, and it is %s: nothing fires until then. A clock was set back, or a replay "
                "began anew on a ledger that had been used; use a database of its own for each replay.",
                self._dispatcher.decided_until.isoformat(),
                now.isoformat(),
            )
