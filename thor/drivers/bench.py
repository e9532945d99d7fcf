"""The carrier of a process that does the work itself: what was decided waits here until the body is called.

The loop of the scheduler puts runs here from its thread. One thread may take them all, woken by whatever comes, or a
thread a job each its own. Nothing waits here that is not in the ledger, so a process that is killed loses nothing: what
it had not claimed is published again, or missed in the open. What is past its deadline is forgotten, since the ledger
has it as missed: where nobody takes a job's runs they must not fill its queue for all others.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import DatabaseError, InterfaceError, connection

from thor.drivers.envelope import Message, run_header
from thor.drivers.wake import Wake
from thor.jobs import outbox
from thor.jobs.inline import Errand
from thor.timing import Clock, SystemClock

#: So long after its deadline nothing waits here any more; by then the ledger has it as missed.
FORGET_AFTER = timedelta(seconds=1)


class Forgetful:
    """The memory of a process: what it took is known as long as it lives."""

    def remember(self, seq: int, *, known: int) -> int | None:
        """Find no older mark."""
        return None

    def forgotten_since(self, seq: int) -> int | None:
        """Have forgotten nothing."""
        return None


class Bench:
    """Runs that wait for their bodies, in the order of their decisions. Safe to use from several threads.

    `clock` is that of whoever decides, once there is one: deadlines are by the database's time, and this machine's may
    be fast.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self.clock: Clock = SystemClock()
        self._guard = threading.Lock()
        self._waiting: dict[UUID, Errand] = {}
        self._arrivals: dict[str, threading.Condition] = defaultdict(lambda: threading.Condition(self._guard))
        self._woken = Wake()

    def publish(self, messages: Sequence[Message], parcels: Mapping[UUID, Any]) -> None:
        """Take runs; one that waits here already is not taken twice.

        One whose task is not known in this process stays in the ledger, where its deadline ends it.
        """
        errands = [_errand(message) for message in messages if message.row.task in current_app.tasks]
        with self._guard:
            self._forget()
            for errand in errands:
                self._waiting.setdefault(errand.uid, errand)
            for job in {errand.job for errand in errands}:
                self._arrivals[job].notify_all()
        self.wake()

    def pack(self, messages: Sequence[Message]) -> dict[UUID, Any]:
        """Have nothing to do ahead."""
        return {}

    def depth(self, queue: str) -> int:
        """Return how many runs of a queue wait."""
        with self._guard:
            self._forget()
            return Counter(errand.queue for errand in self._waiting.values())[queue]

    def can_claim(self, task: str) -> bool:
        """Agree: what cannot be claimed is not taken."""
        return True

    def memory(self, installation: str) -> Forgetful:
        """Return a memory that ends with the process."""
        return Forgetful()

    def close(self) -> None:
        """Put back what nobody has begun: it waits in the ledger for whoever leads next."""
        with self._guard:
            left, self._waiting = list(self._waiting), {}
        try:
            outbox.put_back(left)
        except (DatabaseError, InterfaceError):
            connection.close()  # then its silence shows it, once somebody leads

    def jobs_due(self) -> list[str]:
        """Return the names of jobs for which something waits, each once."""
        with self._guard:
            self._forget()
            return list(dict.fromkeys(errand.job for errand in self._waiting.values()))

    def places(self) -> list[tuple[str, str]]:
        """Return the jobs and markets for which something waits, each pair once."""
        with self._guard:
            self._forget()
            return list(dict.fromkeys((errand.job, errand.market) for errand in self._waiting.values()))

    def count(self, job: str) -> int:
        """Return how many runs of a job wait."""
        with self._guard:
            self._forget()
            return len(self._for(job, None))

    def take_next(self, job: str, market: str | None, seconds: float) -> Errand | None:
        """Take out what was decided first for a job, on one market or on any; wait for it so long, and no longer.

        Each of several threads may wait for a job of its own; `stir` ends all their waits.
        """
        with self._guard:
            self._forget()
            if not self._for(job, market) and seconds > 0:
                self._arrivals[job].wait(seconds)
            return next((self._waiting.pop(errand.uid) for errand in self._for(job, market)), None)

    def stir(self) -> None:
        """End the waits of those who wait for a job; not for signal handlers."""
        with self._guard:
            for arrivals in self._arrivals.values():
                arrivals.notify_all()

    def wake(self) -> None:
        """End a wait; signal handlers may call it."""
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Wait until something is put here, or until somebody wakes us."""
        self._woken.wait(seconds)

    def _forget(self) -> None:
        oldest = self.clock.wall() - FORGET_AFTER
        for uid in [uid for uid, errand in self._waiting.items() if errand.deadline_at < oldest]:
            del self._waiting[uid]

    def _for(self, job: str, market: str | None) -> list[Errand]:
        return [one for one in self._waiting.values() if one.job == job and market in (None, one.market)]


def _errand(message: Message) -> Errand:
    row = message.row
    return Errand(
        job=row.task if row.spec is None else row.spec.name,
        market=row.timed.market,
        task=row.task,
        queue=str(row.options["queue"]),
        uid=message.uid,
        args=row.args,
        kwargs=row.kwargs,
        header=run_header(message, claims=True),
        deadline_at=message.deadline_at,
    )
