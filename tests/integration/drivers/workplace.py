"""A leader whose decisions wait at a bench of this process: declared jobs, real rows, hands that carry them out."""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.drivers.conftest import START
from thor.celery import app
from thor.drivers.bench import Bench
from thor.drivers.lead import Lead
from thor.drivers.pace import Pace
from thor.jobs import registry, sync
from thor.jobs.inline import Errand, Inline
from thor.jobs.models import Run
from thor.jobs.spec import JobSpec, make_spec
from thor.leadership.seat import HEARTBEAT
from thor.leadership.term import raise_term
from thor.timing import Every, ManualClock, Occurrence

#: Celery keeps the first task of a name, so each test has names of its own.
_numbers = itertools.count()


class Workplace:
    """Jobs that a test declares, a clock that stands still, a bench and hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.bench, self.hands = ManualClock(START), Bench(), Inline()
        self.calls: list[tuple[str, Occurrence]] = []
        self.jobs: dict[str, JobSpec] = {}
        self._suffix = f"_{next(_numbers)}"
        self._lead: Lead | None = None
        monkeypatch.setattr(sync, "owned", lambda: self.jobs)

    def name(self, short: str) -> str:
        """Return the name by which a job is declared."""
        return short + self._suffix

    def declare(self, short: str, work: Callable[[], Any] = lambda: None, **declared: Any) -> str:
        """Declare a job that notes its call and does `work`."""
        name = self.name(short)

        def body(occurrence: Occurrence, **_: Any) -> Any:
            self.calls.append((short, occurrence))
            return work()

        self.jobs[name] = made = make_spec(name, body, "tests", {"cadence": Every(seconds=1), **declared})
        registry.register(made)
        return name

    def forget(self) -> None:
        """Forget the jobs."""
        for name in self.jobs:
            registry._specs.pop(name, None)
            app.tasks.pop(name, None)

    @property
    def lead(self) -> Lead:
        """Return the leader."""
        assert self._lead is not None
        return self._lead

    def begin(self, pace: Pace | None = None) -> Lead:
        """Write the rows of the jobs and begin a reign."""
        sync.sync_jobs(at=START - timedelta(seconds=0.5))
        reign = raise_term("tester", at=self.clock.wall(), seat=HEARTBEAT)
        self._lead = Lead(reign, carrier=self.bench, clock=self.clock, pace=pace)
        self._lead._outgoing.catch_up()
        self._lead.turn()
        return self._lead

    def after(self, seconds: float) -> None:
        """Let time pass, and decide."""
        self.clock.advance(timedelta(seconds=seconds))
        self.lead.turn()

    def errands(self, short: str) -> list[Errand]:
        """Take what waits for a job."""
        name = self.name(short)
        return [found for _ in range(self.bench.count(name)) if (found := self.bench.take_next(name, None, 0))]

    def errand(self, short: str) -> Errand:
        """Take the one errand that waits for a job."""
        (found,) = self.errands(short)
        return found

    def run(self, short: str) -> Run:
        """Return the newest run of a job."""
        found = Run.objects.filter(task=self.name(short)).order_by("-seq").first()
        assert found is not None
        return found


@pytest.fixture
def workplace(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """Return a place without jobs, on a Friday at 15:00 UTC."""
    made = Workplace(monkeypatch)
    yield made
    made.forget()
