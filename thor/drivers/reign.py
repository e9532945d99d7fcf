"""The loop of one scheduler: stand by, gain the lease, raise the term, lead, stand down.

Each turn of the loop does what is due and waits until something is due again: an entry, a bell, a look at the schedule,
or a wake-up from outside. No turn waits longer than `LOOK`, so the loop proves all the time that it is alive.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection

from thor.drivers.carrier import Carrier
from thor.drivers.lead import Lead
from thor.drivers.pace import Pace
from thor.drivers.standby import Standby
from thor.drivers.timer import Timer
from thor.drivers.timetable import Timetable
from thor.drivers.wake import Wake
from thor.jobs import events
from thor.jobs.decision import Deposed
from thor.leadership import term
from thor.leadership.elector import Elector
from thor.leadership.offset import OffsetClock
from thor.leadership.requests import StepDownRequests
from thor.leadership.seat import SCHEDULER, Seat
from thor.timing import Clock

logger = logging.getLogger(__name__)

#: The longest that a turn waits: the leader looks for edits, a standby contends for the lease.
LOOK = timedelta(seconds=0.25)
#: How often the leader looks whether it was asked to make way.
ASKED = timedelta(seconds=0.3)
#: How often the clock is compared with the database's.
COMPARED = timedelta(seconds=1)
#: How often an embedded Redis that is away is started again.
REVIVED = timedelta(seconds=2)
#: How long to wait after the database failed.
PAUSE = timedelta(seconds=0.5)


class Reign:
    """One scheduler's loop. `turn()` is one pass of it; `stop()`, for signal handlers, ends it after the batch in hand.

    With `fixed=True` the lease is left out: there must be no second scheduler, and one that is deposed gives up.
    """

    def __init__(
        self,
        *,
        elector: Elector,
        carrier: Carrier,
        clock: Clock,
        fixed: bool = False,
        requests: StepDownRequests | None = None,
        seat: Seat = SCHEDULER,
        pace: Pace | None = None,
        revive: Callable[[], None] = lambda: None,
        starts_system: bool = False,
    ) -> None:
        """Contend through `elector` for `seat`; make way when `requests` say so; `revive` a Redis that is away.

        With `starts_system` the first reign of this loop is a start of the system, whoever led before.
        """
        self.elector, self.carrier, self.clock, self.fixed = elector, carrier, clock, fixed
        self._seat, self._pace = seat, pace
        self.lead: Lead | None = None
        self.is_stopping = False
        self._standby = Standby(seat)
        self._wake, self._is_announced = Wake(), False
        self._trouble = ""
        self._is_redis_away = self._is_in_doubt = False
        self._requests, self._asked = requests, Timer(ASKED)
        self._compared = Timer(COMPARED)
        self._revive, self._reviving = revive, Timer(REVIVED)
        self._starts_system = starts_system

    def stop(self) -> None:
        """End after the batch in hand."""
        self.is_stopping = True
        self._wake.set()

    def hear(self, announces_edit: bool) -> None:
        """Go round at once, from another thread: the lease was released, or the schedule was edited."""
        self._is_announced |= announces_edit
        self._wake.set()

    def turn(self) -> None:
        """Do what is due, then wait until something is due again."""
        self.rest(self.act())

    def act(self) -> timedelta:
        """Do what is due; return how long nothing will be."""
        self.elector.turned()
        try:
            wait = self._act()
            self._watch_redis()
        except Deposed:
            self._is_in_doubt = True
            self._stand_down("a scheduler with a newer term took over")
            if self.fixed:
                raise
            wait = LOOK
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            self._is_in_doubt = True
            self._say_trouble(f"the database does not answer: {str(error).strip()}")
            wait = PAUSE
        return wait

    def rest(self, wait: timedelta) -> None:
        """Wait, unless the end was asked for, until then or until somebody has something to say."""
        if not self.is_stopping:
            self._wake.wait(wait.total_seconds())

    def leave(self) -> None:
        """Give the lease up and let go of the broker: a standby takes over at once."""
        if self.lead is not None:
            self._stand_down("stopping")
        self.elector.resign()
        self.carrier.close()

    def _act(self) -> timedelta:
        if not self._knows_the_time():
            self._stand_down("the database's clock jumped")
            return LOOK
        if self.lead is None:
            if not self._gain():
                return self._stand_by()
            assert self.lead is not None  # noqa: S101  (tells the type checker what a gained lease means)
        if not self.elector.leads():
            self._stand_down("the lease was lost")
            return timedelta(0)
        if self._requests is not None and self._asked.is_due() and self._requests.is_for(self.elector.identity):
            self._stand_down("asked to step down")
            self.elector.give_way()
            return LOOK
        if self._is_in_doubt:
            self._begin_again(self.lead.term)
        if self._is_announced:
            self._is_announced = False
            self.lead.announce()
        self.lead.turn()
        self.elector.database_answered()
        self._say_end_of_trouble()
        return min(LOOK, self.lead.until_next())

    def _stand_by(self) -> timedelta:
        """Follow the leader; return how long to wait, which is not longer than its lease would live without it."""
        if self._standby.turn():
            self.elector.database_answered()
            self._say_end_of_trouble()
        free_in = self.elector.free_in()
        return LOOK if not free_in else min(LOOK, free_in)

    def _knows_the_time(self) -> bool:
        """Compare the clock with the database's, once a second; in between trust the last comparison."""
        if not isinstance(self.clock, OffsetClock):
            return True
        return self.clock.sample() if self._compared.is_due() else self.clock.is_certain

    def _gain(self) -> bool:
        """Gain the lease and raise the term; where the term cannot be raised the lease is given up at once."""
        if not self.elector.campaign():
            return False
        try:
            reign = self._raise_term()
            self.elector.database_answered()
            self.lead = self._lead(reign, self._standby.take())
            self._is_in_doubt = False
        except Exception:
            self.elector.give_way()
            raise
        events.emit("thor.lease.gained", term=reign.term, holder=self.elector.identity)
        return True

    def _raise_term(self) -> term.Reign:
        reign = term.raise_term(
            self.elector.identity,
            at=self.clock.wall(),
            now=self.clock.now(),
            seat=self._seat,
            starts_system=self._starts_system,
        )
        self._starts_system = False
        return reign

    def _begin_again(self, number: int) -> None:
        """Go on with this reign from what the database says, after it failed in the middle of a turn.

        What was decided may be written or not, and nobody in this process knows; what was read may be half taken over.
        """
        reign = term.reread(number, self._seat)
        if reign is None:
            raise Deposed
        self.lead = self._lead(reign, None)
        self._is_in_doubt = False

    def _lead(self, reign: term.Reign, timetable: Timetable | None) -> Lead:
        return Lead(
            reign,
            carrier=self.carrier,
            clock=self.clock,
            pace=self._pace,
            timetable=timetable,
            alive=self._is_alive,
        )

    def _is_alive(self) -> None:
        """Report progress in the middle of something long: the loop moves, and the database answers."""
        self.elector.turned()
        term.decided_until(self._seat)
        self.elector.database_answered()

    def _stand_down(self, reason: str) -> None:
        if self.lead is not None:
            events.emit("thor.lease.lost", term=self.lead.term, holder=self.elector.identity, reason=reason)
            if not self._is_in_doubt:
                self._standby.keep(self.lead.give_up())
            self.lead = None
        self.elector.resign()

    def _say_trouble(self, trouble: str) -> None:
        if not self._trouble:
            logger.error("%s; nothing is decided until it does", trouble)
        self._trouble = trouble

    def _say_end_of_trouble(self) -> None:
        if self._trouble:
            logger.warning("the database answers again")
        self._trouble = ""

    def _watch_redis(self) -> None:
        """Say once that Redis is away, and once that it is back; meanwhile try to bring it back, if it is our own."""
        if self._is_redis_away and not self.elector.reachable and self._reviving.is_due():
            self._revive()
        if self._is_redis_away != self.elector.reachable:
            return
        self._is_redis_away = not self.elector.reachable
        if self._is_redis_away:
            logger.error("Redis does not answer; nobody can lead until it does")
        else:
            logger.warning("Redis answers again")
