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

from thor.jobs import ending
from thor.jobs import registry as declared
from thor.jobs.inline import Errand, Inline
from thor.jobs.spec import BadJob, JobSpec, make_spec
from thor.timing import Every, Occurrence

#: Where the state that jobs share keeps the runs that are due, and what carries them out.
BENCH, HANDS = "thor.bench", "thor.hands"
GROUP = "registered"
#: Seconds between two runs: what a row of the schedule can say.
SHORTEST, LONGEST = 1, 10_000_000
LONGEST_NAME = 100

#: What jobs of the protocol share in this process, and when each of them ran last, which its `should_run` is told.
SHARED: dict[str, Any] = {}
LAST_RUNS: dict[str, float] = {}


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
        """Tell whether it is due; `now` are seconds, `state` says by name at which of them a job last succeeded."""

    def run(self, context: HeartbeatContext) -> Any:
        """Do it."""


class Due(Protocol):
    """Where decided runs wait."""

    def jobs_due(self) -> list[str]:
        """Return the names of jobs for which something waits."""

    def count(self, job: str) -> int:
        """Return how many runs of a job wait."""

    def take_next(self, job: str, market: str | None, seconds: float) -> Errand | None:
        """Take out what was decided first for a job, on one market or on any; wait so long for it."""


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
        """Carry out the runs that wait, until the end is asked for; return how many.

        Each is taken as its turn comes: those that wait their turn are seen to wait, and are not taken for lost.
        """
        bench: Due = context.shared_state[BENCH]
        hands: Inline = context.shared_state[HANDS]
        waited, begun = bench.count(self.name), 0
        while begun < waited and not context.stop_event.is_set():
            errand = bench.take_next(self.name, None, 0)
            if errand is None:
                break
            begun += 1
            hands.carry_out(errand)
        return begun


class JobRegistry:
    """Jobs in the order in which they run."""

    def __init__(self) -> None:
        """Know no job."""
        self.jobs: dict[str, Job] = {}

    def register(self, job: Job) -> None:
        """Add a job; one that is not declared yet is declared by this. Two of one name are refused."""
        view = job if isinstance(job, DeclaredJob) else DeclaredJob(declare(job))
        known = self.jobs.get(view.name)
        if known is not None and known is not view:
            raise BadJob(f"two jobs are named {view.name!r}; rename one.")
        self.jobs[view.name] = view

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
    _refuse_what_is_no_job(job)
    context = HeartbeatContext(logging.getLogger(f"thor.jobs.{job.name}"), SHARED, _settings(), ending.STOP)

    def body(occurrence: Occurrence, **_: Any) -> Any:
        # Its instant, not this moment: seconds that are a little early or late would be one too few for its own rule.
        now = occurrence.nominal_at.timestamp()
        if not job.should_run(now, LAST_RUNS):
            return "not due by its own rule"
        result = job.run(context)
        LAST_RUNS[job.name] = now
        return result

    body.__module__, body.__doc__ = type(job).__module__, type(job).__doc__
    spec = make_spec(job.name, body, GROUP, {"cadence": Every(seconds=job.interval_seconds)})
    declared.register(spec)
    return spec


def _refuse_what_is_no_job(job: Any) -> None:
    if isinstance(job, type) or not isinstance(job, Job) or not (callable(job.run) and callable(job.should_run)):
        raise BadJob(f"{job!r} is no job: it needs name, interval_seconds, should_run(now, state) and run(context).")
    name, seconds = job.name, job.interval_seconds
    if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST_NAME:
        raise BadJob(f"{job!r} is named {name!r}; use up to {LONGEST_NAME} letters, digits and underscores.")
    if name in declared.specs():
        raise BadJob(f"two jobs are named {name!r}; rename one.")
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not SHORTEST <= seconds <= LONGEST or seconds % 1:
        raise BadJob(f"job {name!r}: interval_seconds is {seconds!r}; write whole seconds from 1 to {LONGEST}.")


def _settings() -> Any:
    from django.conf import settings

    return settings
