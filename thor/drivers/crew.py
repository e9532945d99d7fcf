"""The threads that carry out runs in legacy mode: a supervisor a job, or a job on a market.

They know nothing of leases and markets: `starters` says who is started when, `supervisor` who leads. This file belongs
to legacy mode: it is deleted with `supervisor`.
"""

import logging
import threading
import time

from django.db import connection

from thor.drivers.bench import Bench
from thor.jobs import events, ledger, workers
from thor.jobs.inline import Errand, Inline
from thor.jobs.patience import patiently

logger = logging.getLogger(__name__)

#: The name with which the stack signs its runs, before that of the machine.
NAME = "stack"
#: Seconds between a crash and the next run, by job; five for those that are not named.
PAUSES = {"excel_poll": 3.0, "market_open_grading": 3.0}
PAUSE = 5.0
#: Seconds after which a supervisor that hears nothing looks around.
LOOK = 1.0


class Supervisor(threading.Thread):
    """Carry out the runs of one job, on one market or on all, one after the other, until told to stop."""

    def __init__(self, bench: Bench, job: str, market: str | None) -> None:
        """Take the runs from `bench`; start with `start()`."""
        super().__init__(name=f"thor-{job}-{market}" if market else f"thor-{job}", daemon=True)
        self.bench, self.job, self.market = bench, job, market
        self.hands = Inline(NAME)
        self._is_leaving, self._is_left = threading.Event(), threading.Event()

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._is_left.is_set():
                errand = self.bench.take_next(self.job, self.market, 0 if self._is_leaving.is_set() else LOOK)
                if errand is not None:
                    self._carry_out(errand)
                elif self._is_leaving.is_set():
                    return
        finally:
            connection.close()

    @property
    def is_there(self) -> bool:
        """Tell whether it still takes runs from the bench."""
        return self.is_alive() and not self._is_left.is_set()

    @property
    def is_staying(self) -> bool:
        """Tell whether it will go on taking them when none is left."""
        return self.is_there and not self._is_leaving.is_set()

    def finish(self) -> None:
        """Carry out what waits, then end."""
        self._is_leaving.set()

    def leave(self) -> None:
        """End after the body in hand."""
        self._is_left.set()

    def _carry_out(self, errand: Errand) -> None:
        try:
            has_crashed = self.hands.carry_out(errand)
        except BaseException as error:  # SystemExit too: a body may end itself, and not its supervisor
            has_crashed, reason = True, f"the body ended its thread: {type(error).__name__}"
            logger.exception("%s: %s", self.name, reason)
            patiently(lambda: ledger.lose(errand.uid, reason, worker=workers.boot()), seconds=5.0)
        if has_crashed and not self._is_left.is_set():
            pause = PAUSES.get(self.job, PAUSE)
            logger.warning("%s: a run failed, the ledger says why; it goes on in %g s", self.name, pause)
            self._is_left.wait(pause)


class Crew:
    """All supervisors over one bench. `trading` are the markets that have opened and not closed, as far as is known."""

    def __init__(self, bench: Bench) -> None:
        """Have nobody yet."""
        self.bench, self.trading = bench, set[str]()
        self._guard = threading.RLock()
        self._all: list[Supervisor] = []
        self._is_over = False

    def start(self, job: str, market: str | None = None) -> bool:
        """Start a supervisor for a job, on one market or on all; return whether there was none."""
        with self._guard:
            if self._is_over or any(one.is_staying for one in self._posted(job, market)):
                return False
            self._begin(job, market)
            return True

    def stop(self, job: str, market: str | None = None) -> bool:
        """Let the supervisor of a job end with what waits for it; return whether there was one."""
        with self._guard:
            found = [one for one in self._posted(job, market) if one.is_staying]
            for supervisor in found:
                supervisor.finish()
        self.bench.stir()
        return bool(found)

    def look_after(self) -> None:
        """Start somebody for runs that nobody will see to, and replace whoever hangs."""
        with self._guard:
            self._all = [one for one in self._all if one.is_alive()]
            for supervisor in self._all:
                errand = supervisor.hands.hanging
                if errand is not None:
                    self._replace(supervisor, errand)
            for job, market in self.bench.places():
                if not self._is_over and not any(
                    one.is_there for one in self._posted(job, None) + self._posted(job, market)
                ):
                    self._begin(job, market).finish()

    def rest(self) -> None:
        """Let everybody end with what waits for them."""
        with self._guard:
            self.trading.clear()
            for supervisor in self._all:
                supervisor.finish()
        self.bench.stir()

    def leave(self) -> None:
        """Let everybody end after the body in hand, and start nobody any more."""
        with self._guard:
            self._is_over = True
            for supervisor in self._all:
                supervisor.leave()
        self.bench.stir()

    def join_leaving(self) -> None:
        """Wait for those who were told to end, and let the others go on."""
        for supervisor in list(self._all):
            if not supervisor.is_staying:
                supervisor.join()

    def join(self, seconds: float | None) -> list[str]:
        """Wait for those who leave, at most so long; without a limit until their bodies end, or hang.

        Returns the names of those who are still at work.
        """
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        for supervisor in list(self._all):
            while supervisor.is_alive() and supervisor.hands.hanging is None and time.monotonic() < deadline:
                supervisor.join(0.1)
        return self.names()

    def names(self) -> list[str]:
        """Return the names of all threads that live."""
        with self._guard:
            return [supervisor.name for supervisor in self._all if supervisor.is_alive()]

    def _posted(self, job: str, market: str | None) -> list[Supervisor]:
        return [one for one in self._all if (one.job, one.market) == (job, market)]

    def _begin(self, job: str, market: str | None) -> Supervisor:
        supervisor = Supervisor(self.bench, job, market)
        supervisor.start()
        self._all.append(supervisor)
        return supervisor

    def _replace(self, supervisor: Supervisor, errand: Errand) -> None:
        """Give the run of a hanging body up, and its thread, which nothing can end; the run is not opened again."""
        reason = "hung past its time limit; its thread was left to itself"
        events.emit("thor.run.lost", run=errand.uid, task=errand.task, reason=reason)
        # The body may still be at work: to begin it again beside itself is nothing that anybody wants.
        patiently(lambda: ledger.lose(errand.uid, reason, worker=workers.boot(), is_wanted=True), seconds=1.0)
        logger.error("%s: %s %s", supervisor.name, errand.job, reason)
        was_staying = supervisor.is_staying
        supervisor.leave()
        self._all.remove(supervisor)
        if was_staying and not self._is_over:
            self._begin(supervisor.job, supervisor.market)
