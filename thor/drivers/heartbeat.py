"""The heartbeat: one process that elects, plans, claims and runs, without a broker and without workers.

    main thread       carries out what is decided, in the order in which jobs are registered
    scheduler thread  contends for beat's lease, rings the bells, decides at each tick, looks after the ledger

The bodies have the main thread because a signal can end one that takes too long there, and the scheduler has a thread
of its own because the lease must not wait for a body. What falls due while a body runs is decided in time all the same:
the ledger says that it overlapped, waited, or came too late.

| fault                                  | what happens                                                             |
|----------------------------------------|--------------------------------------------------------------------------|
| a body raises                          | the run is failed, with its error; due again at its next time            |
| a body exceeds its limit               | it is ended by an exception, the run failed                              |
| a body ignores even that for ten seconds | the run is lost, the lease released, the process ends with status 1    |
| a body ends the process (`sys.exit`)   | the run is lost, the others run                                          |
| SIGTERM, SIGINT                        | the lease is free at once, the body in hand ends, status 0               |
| killed                                 | the run in hand is lost or repeated, as after a worker's death           |
| the lease is held for ten seconds      | it says by whom, and ends with status 1                                  |
| the lease is lost later                | it stands by, and goes on when it has it again                           |
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection

from thor.drivers.bench import Bench
from thor.drivers.contender import Contender, bind_this_thread
from thor.drivers.pace import Tempo, Ticks
from thor.errors import ThorError
from thor.jobs import ending, events, ledger, workers
from thor.jobs.decision import Deposed
from thor.jobs.inline import Errand, Inline
from thor.jobs.patience import patiently
from thor.jobs.protocol import BENCH, HANDS, HeartbeatContext, JobRegistry
from thor.leadership.seat import HEARTBEAT
from thor.leadership.selectors import leader_status

logger = logging.getLogger(__name__)

#: How long the lease of another scheduler is waited for, in seconds.
PATIENCE = 10.0
#: The main thread looks around at least this often, in seconds.
LOOK = 1.0
#: After so many ticks the heartbeat says that it is alive.
ALIVE = 30

Say = Callable[[str], None]


class LeaseHeld(ThorError):
    """Another scheduler holds the lease."""


class Heartbeat:
    """One heartbeat: make it, `run()` it in the main thread, `stop()` it from a signal handler."""

    def __init__(
        self,
        registry: JobRegistry,
        *,
        tempo: Tempo,
        fast: timedelta,
        slow: timedelta,
        with_lease: bool = True,
        say: Say = logger.info,
    ) -> None:
        """Run the jobs of `registry` at a tick that is `fast` while markets trade and `slow` else."""
        self.registry, self._say, self._with_lease = registry, say, with_lease
        self.bench, self.hands = Bench(), Inline()
        self.pace = Ticks(tempo, fast, slow)
        self.context = HeartbeatContext(logger, {BENCH: self.bench, HANDS: self.hands})
        self.contender = Contender(
            self.bench, seat=HEARTBEAT, pace=self.pace, with_lease=with_lease, starts_system=True
        )
        self.bench.clock = self.contender.reign.clock
        self._thread = threading.Thread(target=self._keep_time, name="thor-scheduler", daemon=True)
        self._failure: BaseException | None = None
        self._is_begun, self._said_ticks = False, 0
        self._is_stopping, self._is_over = False, threading.Event()
        ending.STOP.clear()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until the end is asked for, `ready` called once it leads; raise `LeaseHeld` where another does."""
        workers.report_for_work(self.hands.hostname)
        self.contender.start()
        self._thread.start()
        try:
            if self._wait_for_lease():
                ready()
            while not self.context.stop_event.is_set():
                self.bench.wait(LOOK)
                self._beat()
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End after the body in hand; for signal handlers."""
        # A plain flag first: a second signal may come in the middle of this, and an event's lock is taken by then.
        if self._is_stopping:
            return
        self._is_stopping = True
        self.context.stop_event.set()
        self.contender.reign.stop()
        self.bench.wake()

    def _wait_for_lease(self) -> bool:
        """Wait until it leads; return false where the end was asked for first.

        Once the lease is held the first look at the schedule may take as long as it takes.
        """
        deadline = time.monotonic() + PATIENCE
        while not self._leads() and not self._is_stopping:
            if self.contender.elector.leads():
                deadline = time.monotonic() + PATIENCE
            elif time.monotonic() > deadline:
                raise LeaseHeld(self._who_holds_it())
            self.bench.wait(0.1)
        if not self._leads():
            return False
        self._say("Leader lock acquired" if self._with_lease else "Leading without the leader lock")
        return True

    def _who_holds_it(self) -> str:
        status = leader_status()
        if status.is_held:
            return f"{status.holder} holds the leader lock; stop that scheduler first, or let it run the jobs."
        return f"nobody could lead for {PATIENCE:g} s ({status.problem or 'the database or Redis does not answer'})."

    def _leads(self) -> bool:
        return self.contender.reign.lead is not None and self.contender.elector.leads()

    def _beat(self) -> None:
        """Carry out what is due, and say how it goes."""
        due = self.bench.jobs_due()
        if due:
            if not self._is_begun:
                self._is_begun = True
                self._say(f"Heartbeat started with tick={self.pace.period.total_seconds():g}s; jobs_due={due}")
            logger.debug("Heartbeat tick %d jobs_due=%s", self.pace.ticks, due)
            self.registry.run_pending(self.context)
        if self.pace.ticks >= self._said_ticks + ALIVE:
            self._said_ticks = self.pace.ticks
            state = "leading" if self._leads() else "standing by"
            self._say(f"Heartbeat alive: {self.pace.ticks} ticks, tick={self.pace.period.total_seconds():g}s, {state}")

    def _keep_time(self) -> None:
        """Turn the scheduler's loop until the end: the other thread."""
        bind_this_thread()
        try:
            while not self.contender.reign.is_stopping:
                self.contender.reign.turn()
                self._watch_body()
        except Deposed:
            self._failure = LeaseHeld("another scheduler has taken over; without the leader lock only one may run.")
        except BaseException as error:  # the main thread raises it: a heartbeat without a scheduler is dead
            self._failure = error
        finally:
            self.stop()
            # Not in `stop`: a signal's handler would wait for ever for a body that it found in the event's own code.
            ending.STOP.set()
            self._leave()
            while not self._is_over.wait(0.25):  # the body in hand ends, or hangs
                self._watch_body()
            connection.close()

    def _leave(self) -> None:
        """Let another lead at once: the body in hand, however long it takes, is claimed and needs no lease."""
        try:
            self.contender.leave()
        except (DatabaseError, InterfaceError):
            connection.close()

    def _watch_body(self) -> None:
        errand = self.hands.hanging
        if errand is not None:
            self._give_up(errand)

    def _give_up(self, errand: Errand) -> None:
        """End the process, whose one body hangs for good: whoever supervises it starts another."""
        reason = "hung past its time limit; the heartbeat has ended itself"
        events.emit("thor.run.lost", run=errand.uid, task=errand.task, reason=reason)
        patiently(lambda: ledger.lose(errand.uid, reason, worker=workers.boot()), seconds=5.0)
        logger.critical("%s %s; start the heartbeat again", errand.job, reason)
        self._leave()
        logging.shutdown()
        os._exit(1)

    def _end(self) -> None:
        self.stop()
        self._is_over.set()
        self._thread.join(timeout=30)
        workers.sign_off()
