"""Carry out runs in this process, without a broker and without a worker's pool: claim, body, finish.

Celery's own tracer calls the task, so its signals, its logging and `LedgerTask` work as they do on a worker. What a
pool does besides is done here: the soft time limit ends a body that takes too long, and a run that has to wait goes
back into the ledger, from where whoever leads sends it again.
"""

import ctypes
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import FrameType
from typing import Any
from uuid import UUID

from celery import current_app, states
from celery.app.trace import build_tracer
from celery.exceptions import SoftTimeLimitExceeded

from thor.jobs import events, ledger, outbox, workers
from thor.jobs.claim import HEADER, INLINE
from thor.jobs.patience import patiently

#: Seconds after its soft limit at which a body that did not end counts as hanging.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Errand:
    """One decided run, as a message to a worker would say it; `deadline_at` is the wall's."""

    job: str
    market: str
    task: str
    queue: str
    uid: UUID
    args: list[Any]
    kwargs: dict[str, Any]
    header: dict[str, Any]
    deadline_at: datetime


class Inline:
    """What carries out errands one by one on one thread. `hanging` tells others whether the body hangs."""

    def __init__(self, name: str = "") -> None:
        """Sign the runs with the name of this machine and `name`."""
        self.hostname = f"{name or 'heartbeat'}@{socket.gethostname()}"
        self._errand: Errand | None = None
        self._limited: tuple[float, Errand | None] = (float("inf"), None)

    def carry_out(self, errand: Errand) -> bool:
        """Claim the run, call its body, write its end; return whether the body raised.

        What it raises is recorded, and goes no further.
        """
        self._errand = errand
        request = {
            "id": str(errand.uid),
            "root_id": str(errand.uid),
            "task": errand.task,
            "hostname": self.hostname,
            "retries": 0,
            "delivery_info": {"routing_key": errand.queue},
            "argsrepr": f"{errand.job} {errand.header['nominal_at']}",
            HEADER: errand.header,
            INLINE: self,
        }
        try:
            traced = _tracer(errand.task, self.hostname)(str(errand.uid), errand.args, errand.kwargs, request)
            return traced.info is not None and traced.info.state == states.FAILURE
        except SystemExit as exit_:
            # On a worker this ends a process of the pool, and here it would end them all.
            _lose(errand, f"the body ended the process: {exit_}")
            return True
        finally:
            self._errand = None

    def again(self, wait: timedelta = timedelta(0)) -> None:
        """Let the run that is carried out come again after `wait`: the ledger says when, and it waits there."""
        if self._errand is not None:
            outbox.put_back([self._errand.uid])

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Raise `SoftTimeLimitExceeded` in the body once `seconds` have passed."""
        if not seconds:
            yield
            return
        self._limited = (time.monotonic() + seconds + PATIENCE, self._errand)
        try:
            with _alarm(seconds) if threading.current_thread() is threading.main_thread() else _interruption(seconds):
                yield
        finally:
            self._limited = (float("inf"), None)

    @property
    def hanging(self) -> Errand | None:
        """Return the run whose body did not even end at its limit; nothing where all is well."""
        hangs_at, errand = self._limited
        return errand if time.monotonic() > hangs_at else None


def _lose(errand: Errand, reason: str) -> None:
    events.emit("thor.run.lost", run=errand.uid, task=errand.task, reason=reason)
    patiently(lambda: ledger.lose(errand.uid, reason, worker=workers.boot()))


@lru_cache(maxsize=256)
def _tracer(task: str, hostname: str) -> Any:
    return build_tracer(task, current_app.tasks[task], app=current_app, hostname=hostname, eager=True, propagate=False)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Bound the main thread, which a signal can interrupt anywhere, in a wait for the network too."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded

    before, began = signal.signal(signal.SIGALRM, ring), time.monotonic()
    # There is one timer a process, and somebody may have wound it up: a test's own limit, for one.
    rest, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if rest:
            signal.setitimer(signal.ITIMER_REAL, max(rest - (time.monotonic() - began), 0.001), interval)


@contextmanager
def _interruption(seconds: float) -> Iterator[None]:
    """Bound another thread, which can be interrupted between two steps of Python only."""
    ident, guard, is_over = threading.get_ident(), threading.Lock(), threading.Event()

    def interrupt() -> None:
        with guard:
            if not is_over.is_set():
                raised = ctypes.py_object(SoftTimeLimitExceeded)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with guard:
            is_over.set()
            # One that was raised and has not arrived must not arrive in what comes after the body.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), None)
        timer.cancel()
