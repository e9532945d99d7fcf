"""Run a day in virtual time, in one process: the scheduler, the feed and the bodies of jobs take turns.

    set the clock to the next tick, bell or edge of a window
    the feed publishes everything up to then
    the leader decides what has become due, rings bells, moves lines     (`drivers.lead`)
    the bodies run, in the order in which jobs are registered            (`jobs.protocol`)

Nothing waits for the wall, and nothing of it shows: time stands still until the work of a step is done. As in every
replay an entry fires at most once a step, and its run says how many occurrences it stands for; services work by data
time, so the figures that are stored are those of a step of one second.

It begins ten minutes before the day: what a scheduler makes good that begins on an empty ledger is not of the day, and
Tokyo, which opens at midnight, has prices of before its bell.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db.models.functions import Now

from thor.connections import redis_client
from thor.drivers.bench import Bench
from thor.drivers.lead import Lead
from thor.jobs.models import Entry, Run, State
from thor.jobs.protocol import BENCH, HANDS, HeartbeatContext, JobRegistry
from thor.leadership import term
from thor.marketdata.feedloop import begin
from thor.marketdata.feeds.port import Feed
from thor.marketdata.publisher import Publisher
from thor.marketdata.upkeep import Upkeep
from thor.operations.hands import VirtualHands
from thor.timing import SteppedClock, micros
from thor.timing.instants import MICROSECOND

logger = logging.getLogger(__name__)

#: So long before the day everything begins.
WARM_UP = timedelta(minutes=10)
#: What the feed process does beside publishing, it does once a second; here once in so long of data time.
UPKEEP = timedelta(seconds=10)
#: Seconds of the wall for which runs that were asked for again are waited for at the end.
DRAIN = 30.0

Report = Callable[[datetime], None]


class Desk(Bench):
    """The bench of a process in which nothing falls due before what is due has run: no queue of it is ever full."""

    def depth(self, queue: str) -> int:
        """Return 0: what waits here is all carried out before time goes on, so the ledger may send more."""
        return 0


@dataclass(slots=True)
class Simulation:
    """One stretch of virtual time, [start, end), over the ledger and the Redis of this process."""

    clock: SteppedClock
    start: datetime
    end: datetime
    registry: JobRegistry
    feeds: Sequence[Feed]
    speed: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    steps: int = 0

    def run(self, report: Report = lambda at: None) -> None:
        """Go through the time from the clock's present to the end, or until `stop` is set."""
        desk, hands = Desk(), VirtualHands("simulation", self.clock)
        context = HeartbeatContext(logger, {BENCH: desk, HANDS: hands}, stop_event=self.stop)
        publishers = self._publishers()
        upkeep = Upkeep(publishers, self.clock)
        upkeep.load()
        self._publish(publishers)
        reign = term.raise_term("simulation", at=self.clock.wall(), now=self.clock.now(), starts_system=True)
        lead = Lead(reign, carrier=desk, clock=self.clock)
        cared_at, began = self.clock.now(), time.monotonic()
        for at in self._steps(lead, hands):
            self.clock.step(at)
            if hands.release():
                lead.announce()
            self._keep_pace(began)
            self._publish(publishers)
            lead.turn()
            if at >= cared_at + UPKEEP:
                cared_at = at
                upkeep.once()
            self.registry.run_pending(context)
            self.steps += 1
            report(at)
        self._drain(lead, context)
        for publisher in publishers:
            publisher.stop()
        desk.close()

    def _steps(self, lead: Lead, hands: VirtualHands) -> Iterator[datetime]:
        """Yield each next instant: a tick, a bell, an edge, what comes again, the last moment before and of the day."""
        while not self.stop.is_set():
            now = self.clock.now()
            last = (self.start if now < self.start - MICROSECOND else self.end) - MICROSECOND
            tick = self.start + ((now - self.start) // self.clock.tick + 1) * self.clock.tick
            yield min([tick, last, *(at for at in (*lead.bells, *hands.instants) if at > now)])
            if self.clock.now() >= self.end - MICROSECOND:
                return

    def _publish(self, publishers: Sequence[Publisher]) -> None:
        now = micros(self.clock.now()) * 1000
        for publisher in publishers:
            while publisher.turn(now, quiet=1):
                pass

    def _publishers(self) -> list[Publisher]:
        return [
            Publisher(feed, redis_client(), "simulation", begin(feed, self.clock, self.clock.start))
            for feed in self.feeds
        ]

    def _keep_pace(self, began: float) -> None:
        """Wait for the wall, where somebody wants to watch."""
        if self.speed is not None:
            due = began + (self.clock.now() - self.clock.start).total_seconds() / self.speed
            self.stop.wait(max(0.0, due - time.monotonic()))

    def _drain(self, lead: Lead, context: HeartbeatContext) -> None:
        """Let what waits in the ledger run: a body that was asked for again. What is put off beyond the end waits."""
        until, ready = time.monotonic() + DRAIN, Run.objects.filter(state=State.DUE).exclude(not_before__gt=Now())
        while not self.stop.is_set() and time.monotonic() < until and ready.exists():
            lead.turn()
            self.registry.run_pending(context)
            self.stop.wait(0.1)


def name_entries() -> None:
    """Give the entries of the schedule ids that follow from their names, so that runs have the same ids every time."""
    for key, name in list(Entry.objects.values_list("id", "name")):
        Entry.objects.filter(id=key).update(id=entry_id(name))


def entry_id(name: str) -> UUID:
    """Return the id that an entry has in simulations."""
    return uuid5(NAMESPACE_URL, f"thor:simulation:{name}")
