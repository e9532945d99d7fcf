"""Carry out a run on a worker: claim, body inside the middleware, finish. Every task of the application does it.

A task that was called by hand carries no run and just runs. A claim waits a little for a database that is away; where
it does not come back, the message is thrown away and the run left to the ledger: the leader publishes it again.
"""

import traceback
import uuid
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.request import Request
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from thor.failpoints import reach
from thor.jobs import events, ledger, middleware, workers
from thor.jobs.bells import is_at_bell
from thor.jobs.claim import HEADER, INLINE, Claimed, occurrence_of
from thor.jobs.patience import patiently
from thor.leadership.clock import process_clock
from thor.timing import Occurrence, OncePerSession, ReplayClock, SystemClock

OVERLAP_WAIT = 0.5
#: Seconds after which a run that comes once a session, and that middleware left out, tries again.
LEFT_OUT_WAIT = 15.0
#: How long a worker's parent may wait for the database: meanwhile it neither consumes nor acknowledges.
PARENT_SECONDS = 3.0
#: Where a task's request keeps the run that it carries out.
CLAIMED = "thor_claimed"
#: How the process that ran a body can end, by the exception that Celery makes of it.
ENDINGS = {
    "WorkerLostError": "the process died",
    "SystemExit": "the process ended itself",
    "Terminated": "terminated by an operator",
}
#: The one of them that a person wanted: the run is not opened again.
WANTED = "Terminated"


class LedgerRequest(Request):
    """A message in the worker's parent process, which outlives the process that runs the body."""

    _is_lost = False

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Record the loss where the pool's process died under the body."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # the pool wraps some with their traceback
        kind = type(error).__name__
        if kind in ENDINGS:
            self._lose(f"{ENDINGS[kind]}: {error}", is_wanted=kind == WANTED)
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def maybe_expire(self) -> Any:
        """Expire nothing that a claim will judge: it asks the database's clock, and this machine's may be fast."""
        found = (self.request_dict or {}).get(HEADER)
        if isinstance(found, dict) and found.get("claim", True):
            return False
        return super().maybe_expire()

    def on_timeout(self, soft: bool, timeout: float) -> Any:
        """Record the loss where the hard limit killed the process."""
        if not soft:
            self._lose(f"killed at its hard time limit of {timeout:g} s")
        return super().on_timeout(soft, timeout)

    def _lose(self, reason: str, *, is_wanted: bool = False) -> None:
        """Record the loss, once: a second word of it may come when the run has begun anew on this very worker."""
        if HEADER not in (self.request_dict or {}) or self._is_lost:
            return
        self._is_lost = True
        uid, boot = uuid.UUID(self.id), workers.boot()
        patiently(lambda: ledger.lose(uid, reason, worker=boot, is_wanted=is_wanted), seconds=PARENT_SECONDS)
        events.emit("thor.run.lost", run=self.id, task=self.name, reason=reason)


class LedgerTask(Task):
    """The base of every task: one that comes from the schedule is claimed in the ledger before its body runs."""

    abstract = True
    Request = "thor.jobs.runner:LedgerRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body; for a run of the ledger only once it is claimed."""
        found = getattr(self.request, HEADER, None)
        if not self.request.called_directly and not self.request.is_eager:
            close_old_connections()
        if not isinstance(found, dict) or self.request.called_directly or not found.get("claim", True):
            return super().__call__(*args, **kwargs)
        run = self._claim(occurrence_of(found))
        reach("claimed")
        spec = _job_names().get(self.name)
        if spec is not None:
            is_once = isinstance(spec.cadence, OncePerSession)
            run = replace(run, options=spec.options, once_a_session=is_once, also_at=spec.also_at)
            args = (run.occurrence, *args)
        setattr(self.request, CLAIMED, run)
        if getattr(self.request, INLINE, None) is not None:
            self.request.retries = run.attempt - 1  # which a message would say
        return self._carry_out(run, args, kwargs)

    def _claim(self, occurrence: Occurrence) -> Claimed:
        uid = uuid.UUID(self.request.id)
        try:
            # No ping first: the claim itself shows whether the connection lives. (The stubs leave this attribute out.)
            connection.health_check_done = True  # type: ignore[attr-defined]
            return ledger.claim(uid, occurrence, worker=workers.boot(), hostname=self.request.hostname or "")
        except ledger.Overlapping:
            self._wait_or_skip(uid, occurrence)
            raise Ignore from None
        except ledger.Refused as refusal:
            events.emit("thor.run.refused", run=uid, task=self.name, reason=type(refusal).__name__)
            raise Ignore from None
        except (DatabaseError, InterfaceError) as error:
            events.emit("thor.run.unclaimed", run=uid, task=self.name, reason=repr(error))
            raise Ignore from None

    def _wait_or_skip(self, uid: uuid.UUID, occurrence: Occurrence) -> None:
        """Come again a little later, where the job, a person or a bell wants that; else leave this occurrence out."""
        spec = _job_names().get(self.name)
        waits = spec is not None and (spec.overlap == "queue_one" or is_at_bell(occurrence, spec.also_at))
        if waits or occurrence.origin:
            self._come_again(timedelta(seconds=OVERLAP_WAIT))
        else:
            ledger.skip(uid, "overlap")

    def _come_again(self, wait: timedelta) -> None:
        """Send this very message once more, for a little later on the wall."""
        inline = getattr(self.request, INLINE, None)
        if inline is not None:
            inline.again(wait)
            return
        self.apply_async(
            args=tuple(self.request.args or ()),
            kwargs=dict(self.request.kwargs or {}),
            task_id=self.request.id,
            headers={HEADER: getattr(self.request, HEADER)},
            countdown=wait.total_seconds(),
            queue=str((self.request.delivery_info or {}).get("routing_key") or self.app.conf.task_default_queue),
        )

    def retry(self, *args: Any, **options: Any) -> Any:
        """Try again later, as a new attempt of the same run: the ledger hears of it before the message is sent.

        The message has no expiry of its own, since that would be the first attempt's; the claim judges the deadline.
        In the process of its scheduler there is no message: the run waits in the ledger.
        """
        run = getattr(self.request, CLAIMED, None)
        if run is None or not self._may_retry(options.get("max_retries")):
            return super().retry(*args, **options)
        wait = self._wait(options.get("eta"), options.get("countdown"))
        if not patiently(lambda: ledger.reopen(run, wait=wait)):
            raise Ignore  # another attempt has begun, or the run has ended: this one is stale
        inline = getattr(self.request, INLINE, None)
        if inline is not None:
            inline.again(wait)
            raise Ignore
        return super().retry(*args, **{"expires": None, **options})

    def _may_retry(self, limit: int | None) -> bool:
        most = self.max_retries if limit is None else limit
        return most is None or (self.request.retries or 0) < most

    def _wait(self, eta: datetime | None, countdown: float | None) -> timedelta:
        if eta is not None:
            return max(timedelta(0), eta - SystemClock().now())
        return timedelta(seconds=self.default_retry_delay if countdown is None else countdown)

    def _carry_out(self, run: Claimed, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inline = getattr(self.request, INLINE, None)

        def body() -> Any:
            with inline.limited(run.time_limit) if inline is not None else nullcontext():
                return super(LedgerTask, self).__call__(*args, **kwargs)

        try:
            result = middleware.wrap(run, body)()
        except Retry:
            raise  # the run was opened again before the message was sent
        except Ignore:
            patiently(lambda: ledger.succeed(run, "ignored"))  # replaced by another task, or of no interest
            raise
        except Reject as rejection:
            self._reject(run, rejection)
            raise
        except middleware.LeftOut as refusal:
            self._leave_out(run, str(refusal), refusal.wait)
            raise Ignore from None
        except Exception as error:
            text, reason = traceback.format_exc(), f"{type(error).__name__}: {error}"
            _report_stale(run, patiently(lambda: ledger.fail(run, reason, text)))
            raise
        reach("finishing")
        _report_stale(run, patiently(lambda: ledger.succeed(run, result)))
        return result

    def _leave_out(self, run: Claimed, reason: str, wait: timedelta | None) -> None:
        """End a run whose body is not to be called now; what comes once a session tries again until its deadline."""
        events.emit("thor.run.refused", **run.fields, reason=reason)
        spec = _job_names().get(self.name)
        if spec is None or not isinstance(spec.cadence, OncePerSession):
            _report_stale(run, patiently(lambda: ledger.leave_out(run, reason)))
            return
        until = _until_again(run, timedelta(seconds=LEFT_OUT_WAIT) if wait is None else wait)
        if until is None:
            _report_stale(run, patiently(lambda: ledger.miss(run, reason)))
        elif patiently(lambda: ledger.put_off(run, reason, wait=until)):
            self._come_again(until)

    def _reject(self, run: Claimed, rejection: Any) -> None:
        if rejection.requeue:
            inline = getattr(self.request, INLINE, None)
            if patiently(lambda: ledger.reopen(run, wait=timedelta(0))) and inline is not None:
                inline.again()
        else:
            patiently(lambda: ledger.fail(run, "rejected", str(rejection.reason)))


def _until_again(run: Claimed, wait: timedelta) -> timedelta | None:
    """Return how long a wait of business time lasts on the wall; nothing where a replay is over the deadline by then.

    Elsewhere the next claim finds the deadline out, by the database's clock: this machine's may be wrong.
    """
    clock = process_clock()
    if isinstance(clock, ReplayClock) and clock.now() + wait >= run.occurrence.deadline_at:
        return None
    return max(clock.on_wall(wait), timedelta(seconds=OVERLAP_WAIT))


def _report_stale(run: Claimed, was_ours: bool | None) -> None:
    if not was_ours:
        events.emit("thor.run.stale", **run.fields)


def _job_names() -> dict[str, Any]:
    from thor.jobs.registry import specs  # here, since the registry makes tasks of this class

    return specs()
