"""Legacy mode: one process's background stack, which decides as beat does and runs the jobs in threads of its own.

    thor-stack      contends for the lease `thor:stack`, rings the bells, moves the gate, decides, looks after the crew
    thor-JOB        supervisors: each takes what was decided for its job from the bench, run by run, and carries it out
    thor-intraday-MARKET

Supervisors live while this process leads; a process that stands by has none. A body that raises is the crash of its
supervisor: it is recorded, and the supervisor waits before it goes on; what falls due meanwhile is late or missed by
the rules of the ledger. A supervisor waits for runs and never polls, so a body that returns at once is no tight loop.

| what happens                   | what the stack does                                                            |
|--------------------------------|--------------------------------------------------------------------------------|
| a market closes                | its supervisors carry out what waits, and end                                  |
| a run comes where nobody is    | a supervisor is started for it, which ends when nothing is left                |
| a body exceeds its limit       | it is ended by an exception, the run failed                                    |
| a body ignores even that       | ten seconds later its run is lost and stays so; another supervisor takes over  |
| the lease is lost              | supervisors end with what waits; it stands by                                  |
| stop, SIGTERM                  | the lease is free at once; what waits goes back into the ledger, bodies end    |
| killed, SIGTERM under uvicorn, | another takes over within the life of the lease; runs in hand are lost, or come|
| which runs no exit handlers    | again where they may                                                           |

Legacy mode is this file with `crew` and `starters` beside it, the commands `run_supervisor` and
`verify_legacy_starters`, the start in `DriversConfig.ready()`, and `Mode.LEGACY`: it is deleted with them.
"""

import atexit
import logging
import os
import threading
from typing import Any

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connection

from thor.drivers import starters
from thor.drivers.bench import Bench
from thor.drivers.contender import Contender, bind_this_thread
from thor.drivers.crew import NAME, Crew
from thor.drivers.mode import legacy_allowed, tell_of_rivals
from thor.env import env
from thor.jobs import ending, workers
from thor.jobs.decision import Deposed
from thor.jobs.inline import Inline
from thor.leadership.clock import process_clock
from thor.leadership.seat import STACK
from thor.markets.signals import market_closed, market_opened

logger = logging.getLogger(__name__)

#: Seconds from the start of a process until its stack contends: a web server first answers.
DELAY = 1.0
#: Seconds until a loop that failed begins again.
PAUSE = 5.0
#: Seconds that the end of a web server waits for bodies.
PATIENCE = 5.0


class Stack:
    """The background stack of a process: `start()` returns at once, `stop()` when its threads have ended."""

    def __init__(self, delay: float = DELAY) -> None:
        """Begin to contend `delay` seconds after the start."""
        self.bench = Bench()
        self.crew = Crew(self.bench)
        self.failure = ""
        self._delay, self._ending = delay, threading.Event()
        self._contender: Contender | None = None
        self._thread = threading.Thread(target=self._run, name="thor-stack", daemon=True)
        self._reporter: threading.Thread | None = None
        self._is_on_duty = self._has_said = False
        ending.STOP.clear()

    @property
    def leads(self) -> bool:
        """Tell whether this process runs the jobs."""
        return self._is_on_duty

    @property
    def is_alive(self) -> bool:
        """Tell whether it leads or stands by."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the one thread that starts all others."""
        for signal, receiver in ((market_opened, self._open), (market_closed, self._close)):
            signal.connect(receiver, weak=False, dispatch_uid=f"thor.stack.{id(signal)}")
        self._thread.start()

    def stop(self, seconds: float | None) -> list[str]:
        """Release the lease, wait for the bodies in hand, `seconds` at most; return the threads still at work."""
        self._ending.set()
        ending.STOP.set()  # no body is on the thread that calls this, in the middle of the event's own code
        self.crew.leave()
        contender = self._contender
        if contender is not None:
            contender.reign.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        for signal in (market_opened, market_closed):
            signal.disconnect(dispatch_uid=f"thor.stack.{id(signal)}")
        left = self.crew.join(seconds)
        if self._reporter is not None:
            workers.sign_off()
            self._reporter.join(timeout=5)
        return left

    def _run(self) -> None:
        """Contend, lead and stand by until the end: the body of the thread, which nothing but `stop` ends."""
        if self._ending.wait(self._delay):
            return
        apps.ready_event.wait()
        bind_this_thread()
        try:
            while not self._ending.is_set():
                self._try_to_contend()
                self._ending.wait(PAUSE)
        except Deposed:
            self.failure = "another scheduler has taken over; without the leader lock only one may run."
            logger.error("the stack ends: %s", self.failure)
        finally:
            self.crew.leave()
            connection.close()

    def _try_to_contend(self) -> None:
        try:
            self._contend()
        except Deposed:
            raise
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if not self._has_said:
                logger.error("the database is not ready (%s); was `manage.py migrate` run?", str(error).strip())
            self._has_said = True
        except Exception:  # whatever it is, a web server would go on without its stack, and nobody would notice
            logger.exception("the stack's loop failed; it begins again in %g s", PAUSE)

    def _contend(self) -> None:
        self._contender = contender = Contender(self.bench, seat=STACK)
        self.bench.clock = contender.reign.clock
        contender.start()
        try:
            while not self._ending.is_set():
                wait = contender.reign.act()
                self._look(is_leading=contender.reign.lead is not None)
                contender.reign.rest(wait)
        finally:
            self._is_on_duty = False
            self.crew.rest()  # where the loop failed another process may lead until it begins again
            contender.leave()
            contender.join()

    def _look(self, *, is_leading: bool) -> None:
        if is_leading and not self._is_on_duty:
            self._begin()
        elif self._is_on_duty and not is_leading:
            logger.warning("The stack stands by: it does not lead any more")
            self.crew.rest()
        self._is_on_duty = is_leading
        self.crew.look_after()

    def _begin(self) -> None:
        """Start the supervisors: this process leads now."""
        self._reporter = self._reporter or workers.report_for_work(Inline(NAME).hostname)
        logger.info("Leader lock acquired: this process runs Thor's jobs in threads (legacy mode)")
        for starter in starters.ALWAYS_ON:
            starter(self.crew)
        starters.bootstrap_open_markets(self.crew, process_clock().now())
        tell_of_rivals(STACK, logger.warning)

    def _open(self, market: str, **_: Any) -> None:
        if self._is_on_duty:  # bells that are made up for before say less than what is so when it begins
            starters.on_market_open(self.crew, market)

    def _close(self, market: str, **_: Any) -> None:
        if self._is_on_duty:
            starters.on_market_close(self.crew, market)


_guard = threading.Lock()
#: The stack of a process, by the process: one that was forked has none.
_stacks: dict[int, Stack] = {}


def start_thor_background_stack(*, force: bool = False, delay: float = DELAY) -> Stack | None:
    """Start the stack of this process, in legacy mode, once; return it where it runs, and return at once.

    By itself it is started in web servers alone, and not where THOR_STACK_AUTO_START is 0: everywhere else `force`
    is needed, as `run_supervisor` gives it.
    """
    if not legacy_allowed():
        if not starters.why_not_here():
            starters.say_skipped()
        return None
    if not force:
        reason = starters.why_not_here() if env().stack_auto_start else "THOR_STACK_AUTO_START is 0"
        if reason:
            logger.debug("Skipping legacy background stack (%s)", reason)
            return None
        if starters.will_fork():
            starters.in_each_child(lambda: start_thor_background_stack(force=True))
            return None
    return _started(delay)


def stop_thor_background_stack(seconds: float | None = PATIENCE) -> list[str]:
    """Stop the stack of this process and join its threads; return the names of those that are still at work."""
    with _guard:
        stack = _stacks.pop(os.getpid(), None)
    return [] if stack is None else stack.stop(seconds)


def _started(delay: float) -> Stack:
    with _guard:
        stack = _stacks.get(os.getpid())
        if stack is not None:
            logger.debug("Skipping legacy background stack (it runs in this process already)")
            return stack
        logger.info("Thor is ready: initializing background stack")
        stack = _stacks[os.getpid()] = Stack(delay)
        stack.start()
        atexit.register(stop_thor_background_stack)
        logger.info("Thor master stack started: it runs the jobs, or stands by while another one does")
        return stack
