"""The protocol of jobs that the heartbeat of old had, as a thin view on what is declared here.

    registry = JobRegistry()
    register_all_jobs(registry)          # of `tasks`: a view of each job, in the order in which they run
    registry.register(MyOwnJob())        # an object of the protocol becomes a job like all others
    registry.run_pending(context)        # carry out what the scheduler has decided

An object that has `name`, `interval_seconds`, `run(context)` and `should_run(now, state)` is declared as a job of that
name: it gets a row in the admin, a ledger and a line in the plan, and runs under every driver. Register it in a module
that THOR_IMPORTS names, so that each process knows it.
"""

import logging
import threading
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from thor.jobs import registry as declared
from thor.jobs.inline import Errand, Inline
from thor.jobs.spec import BadJob, JobSpec, make_spec
from thor.timing import Every, Occurrence

#: Where the state that jobs share keeps the runs that are due, and what carries them out.
BENCH, HANDS = "thor.bench", "thor.hands"
GROUP = "registered"
SHORTEST = 1.0


@dataclass(slots=True)
class HeartbeatContext:
    """What a job of the protocol gets: a logger, state that jobs share, the settings, the event that ends it all."""

    logger: logging.Logger
    shared_state: MutableMapping[str, Any] = field(default_factory=dict)
    settings: Any = None
    stop_event: threading.Event = field(default_factory=threading.Event)


@runtime_checkable
class Job(Protocol):
    """What the registry runs."""

    name: str
    interval_seconds: float

    def should_run(self, now: float, state: MutableMapping[str, Any]) -> bool:
        """Tell whether it is due; `now` are seconds of a clock that never steps."""

    def run(self, context: HeartbeatContext) -> Any:
        """Do it."""


class Due(Protocol):
    """Where decided runs wait."""

    def jobs_due(self) -> list[str]:
        """Return the names of jobs for which something waits."""

    def take(self, job: str) -> list[Errand]:
        """Take out what waits for a job."""


class DeclaredJob:
    """The view of a declared job. It is due when the scheduler has decided so, and runs through the ledger."""

    def __init__(self, spec: JobSpec) -> None:
        """View `spec`; a job that runs once a session or at fixed times has an interval of 0."""
        self.spec, self.name = spec, spec.name
        period = spec.cadence.period
        self.interval_seconds = period.total_seconds() if period else 0.0

    def should_run(self, now: float, state: MutableMapping[str, Any]) -> bool:
        """Tell whether a run of it waits; without a scheduler nothing ever does."""
        bench: Due | None = state.get(BENCH)
        return bench is not None and self.name in bench.jobs_due()

    def run(self, context: HeartbeatContext) -> int:
        """Carry out the runs that wait, until the end is asked for; return how many."""
        bench: Due = context.shared_state[BENCH]
        hands: Inline = context.shared_state[HANDS]
        errands = bench.take(self.name)
        for number, errand in enumerate(errands):
            if context.stop_event.is_set():
                hands.put_back(errands[number:])
                return number
            hands.carry_out(errand)
        return len(errands)


class JobRegistry:
    """Jobs in the order in which they run."""

    def __init__(self) -> None:
        """Know no job."""
        self.jobs: dict[str, Job] = {}

    def register(self, job: Job) -> None:
        """Add a job; one that is not declared yet is declared by this. Two of one name are refused."""
        known = self.jobs.get(job.name)
        if known is not None and known is not job:
            raise BadJob(f"two jobs are named {job.name!r}; rename one.")
        self.jobs[job.name] = job if isinstance(job, DeclaredJob) else DeclaredJob(declare(job))

    def run_pending(self, context: HeartbeatContext) -> list[str]:
        """Run each job that is due, in order, and return their names; one that raises stops no other."""
        ran = []
        for job in self.jobs.values():
            if context.stop_event.is_set():
                break
            try:
                if job.should_run(time.monotonic(), context.shared_state):
                    ran.append(job.name)
                    job.run(context)
            except Exception:  # whatever it is, the others must run
                context.logger.exception("job %s failed; it is due again at its next time", job.name)
        return ran

    def __len__(self) -> int:
        """Return how many jobs are known."""
        return len(self.jobs)


def declare(job: Job) -> JobSpec:
    """Declare an object of the protocol as a job of its name, every `interval_seconds`."""
    if not isinstance(job, Job):
        raise BadJob(f"{job!r} is no job: it needs name, interval_seconds, should_run(now, state) and run(context).")
    if job.interval_seconds < SHORTEST:
        raise BadJob(f"job {job.name!r}: interval_seconds is {job.interval_seconds:g}; use one second or more.")
    context = HeartbeatContext(logging.getLogger(f"thor.jobs.{job.name}"), settings=_settings())

    def body(occurrence: Occurrence, **_: Any) -> Any:
        if not job.should_run(time.monotonic(), context.shared_state):
            return "not due by its own rule"
        return job.run(context)

    body.__module__, body.__doc__ = type(job).__module__, type(job).__doc__
    spec = make_spec(job.name, body, GROUP, {"cadence": Every(seconds=job.interval_seconds)})
    declared.register(spec)
    return spec


def _settings() -> Any:
    from django.conf import settings

    return settings
