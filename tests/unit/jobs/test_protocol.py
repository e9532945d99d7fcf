"""The protocol of the heartbeat of old, as a view on what is declared here."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

import tasks
from thor.celery import app
from thor.env import env
from thor.jobs import ending, protocol, registry
from thor.jobs.inline import Errand
from thor.jobs.protocol import BENCH, HANDS, DeclaredJob, HeartbeatContext, Job, JobRegistry, declare
from thor.jobs.registry import specs
from thor.jobs.spec import BadJob
from thor.timing import Every, Occurrence

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


class Foreign:
    """An object that was written for the protocol."""

    def __init__(self, name: str, seconds: float = 5, error: Exception | None = None) -> None:
        self.name, self.interval_seconds, self.error = name, seconds, error
        self.contexts: list[HeartbeatContext] = []

    def should_run(self, now: float, state: Any) -> bool:
        """Be due once the interval has passed since the last success, as the registry of old noted it."""
        return bool(now - state.get(self.name, 0) >= self.interval_seconds)

    def run(self, context: HeartbeatContext) -> str:
        """Note the call."""
        self.contexts.append(context)
        if self.error is not None:
            raise self.error
        return "done"


class SelfKeeping(Foreign):
    """One that notes by itself when it was due last."""

    def should_run(self, now: float, state: Any) -> bool:
        """Be due, and note it."""
        is_due = super().should_run(now, state)
        if is_due:
            state[self.name] = now
        return is_due


class Waiting:
    """Where decided runs wait, and the hands that carry them out, both of this test."""

    def __init__(self, *jobs: str) -> None:
        self.waiting, self.done = list(jobs), []  # type: ignore[var-annotated]
        self.after_each: Any = lambda: None

    def jobs_due(self) -> list[str]:
        """Return what waits."""
        return list(dict.fromkeys(self.waiting))

    def count(self, job: str) -> int:
        """Count it."""
        return self.waiting.count(job)

    def take_next(self, job: str, market: str | None, seconds: float) -> Errand:
        """Take one out."""
        self.waiting.remove(job)
        return Errand(job, "", job, "default", uuid4(), [], {}, {}, NOON)

    def carry_out(self, errand: Errand) -> None:
        """Note it."""
        self.done.append(errand.job)
        self.after_each()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forget what a test declares."""
    known = set(specs())
    yield
    for name in set(specs()) - known:
        registry._specs.pop(name)
        app.tasks.pop(name, None)
    protocol.SHARED.clear()
    protocol.LAST_RUNS.clear()


def body_of(job: Any) -> Any:
    """Declare an object and return a way to call it at a number of seconds after noon."""
    spec = declare(job)
    return lambda seconds: spec.body(
        Occurrence(uuid4(), NOON + timedelta(seconds=seconds), NOON + timedelta(minutes=1), "")
    )


def context_of(waiting: Waiting) -> HeartbeatContext:
    return HeartbeatContext(logging.getLogger("test"), {BENCH: waiting, HANDS: waiting})


def test_the_desks_jobs_are_registered_in_the_order_in_which_they_run() -> None:
    made = JobRegistry()

    number = tasks.register_all_jobs(made)

    counted = [name for name, spec in specs().items() if spec.group in tasks.COUNTED]
    assert sorted(made.jobs) == sorted(counted)
    assert number == len(made) == len(counted)
    assert sum(spec.group == "market_data" for spec in specs().values()) == 12
    named = [name for name in tasks.ORDER if name in made.jobs]
    assert list(made.jobs)[: len(named)] == named
    assert set(counted) == set(tasks.ORDER)
    groups = [made.jobs[name].spec.group for name in named]
    assert groups == sorted(groups, key=tasks.COUNTED.index)  # prices first, then what trades by them


def test_only_the_jobs_that_this_installation_has_are_registered_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_JOBS", "vwap_minute,intraday")
    env.cache_clear()
    made = JobRegistry()
    try:
        number = tasks.register_all_jobs(made)
    finally:
        monkeypatch.undo()
        env.cache_clear()

    assert (number, list(made.jobs)) == (2, ["intraday", "vwap_minute"])


def test_what_comes_while_a_job_runs_waits_for_the_next_pass() -> None:
    made, waiting = JobRegistry(), Waiting("a_job")
    made.register(Foreign("a_job"))
    waiting.after_each = lambda: waiting.waiting.append("a_job")

    made.run_pending(context_of(waiting))

    assert (waiting.done, waiting.waiting) == (["a_job"], ["a_job"])


def test_a_declared_job_is_a_job_of_the_protocol() -> None:
    intraday = DeclaredJob(specs()["intraday"])
    capture = DeclaredJob(specs()["market_open_capture"])

    assert isinstance(intraday, Job)
    assert (intraday.name, intraday.interval_seconds) == ("intraday", 1.0)
    assert capture.interval_seconds == 0.0


def test_it_is_due_when_a_run_of_it_waits_and_never_without_a_scheduler() -> None:
    view = DeclaredJob(specs()["intraday"])

    assert not view.should_run(0.0, {})
    assert not view.should_run(0.0, {BENCH: Waiting("vwap_minute")})
    assert view.should_run(0.0, {BENCH: Waiting("intraday")})


def test_jobs_run_in_the_order_of_their_registration() -> None:
    made, waiting = JobRegistry(), Waiting("a_job", "c_job", "b_job", "b_job")
    for name in ("b_job", "a_job", "c_job", "idle_job"):
        made.register(Foreign(name))

    ran = made.run_pending(context_of(waiting))

    assert ran == ["b_job", "a_job", "c_job"]
    assert waiting.done == ["b_job", "b_job", "a_job", "c_job"]


def test_a_job_that_raises_stops_no_other_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    made, waiting = JobRegistry(), Waiting("a_job", "a_job", "b_job")
    made.register(Foreign("a_job"))
    made.register(Foreign("b_job"))

    def broken() -> None:
        if waiting.done[-1] == "a_job":
            raise RuntimeError("the ledger is away")

    waiting.after_each = broken
    with caplog.at_level(logging.ERROR):
        ran = made.run_pending(context_of(waiting))

    assert ran == ["a_job", "b_job"]
    assert waiting.done == ["a_job", "b_job"]
    assert waiting.waiting == ["a_job"]
    assert "job a_job failed" in caplog.text


def test_the_end_asked_for_ends_a_pass() -> None:
    made, waiting = JobRegistry(), Waiting("a_job", "a_job", "b_job")
    made.register(Foreign("a_job"))
    made.register(Foreign("b_job"))
    context = context_of(waiting)
    waiting.after_each = context.stop_event.set

    assert made.run_pending(context) == ["a_job"]

    assert (waiting.done, waiting.waiting) == (["a_job"], ["a_job", "b_job"])
    assert made.run_pending(context) == []


def test_an_object_of_the_protocol_is_declared_as_a_job() -> None:
    made = JobRegistry()

    made.register(Foreign("my_job", 90))

    spec = specs()["my_job"]
    assert (spec.cadence, spec.group, spec.markets) == (Every(seconds=90), "registered", None)
    assert "my_job" in app.tasks
    assert isinstance(made.jobs["my_job"], DeclaredJob)


@pytest.mark.parametrize("kind", [Foreign, SelfKeeping])
def test_its_own_rule_lets_each_of_its_instants_through(kind: type[Foreign]) -> None:
    job = kind("my_job", 5)
    run = body_of(job)

    assert [run(seconds) for seconds in (0, 5, 10, 15)] == ["done"] * 4
    assert run(17) == "not due by its own rule"
    assert len(job.contexts) == 4


def test_a_run_that_failed_was_none_by_its_own_rule() -> None:
    job = Foreign("my_job", 5, ValueError("no use"))
    run = body_of(job)
    with pytest.raises(ValueError, match="no use"):
        run(0)

    job.error = None

    assert run(1) == "done"


def test_objects_share_their_state_and_are_told_of_settings_and_a_logger() -> None:
    one, other = Foreign("one_job"), Foreign("other_job")
    body_of(one)(0)
    body_of(other)(0)

    (first,), (second,) = one.contexts, other.contexts

    assert first.shared_state is second.shared_state
    assert first.settings.ROOT_URLCONF
    assert first.logger.name == "thor.jobs.one_job"
    assert first.stop_event is second.stop_event is ending.STOP


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (object(), "is no job: it needs name, interval_seconds"),
        (Foreign, "is no job"),
        (None, "is no job"),
        (Foreign(""), "is named ''; use"),
        (Foreign("two words"), "is named 'two words'; use"),
        (Foreign("x" * 101), "use up to 100 letters"),
        (Foreign(7), "is named 7; use"),  # type: ignore[arg-type]
        (Foreign("intraday"), "two jobs are named 'intraday'; rename one"),
        (Foreign("my_job", 0), "write whole seconds from 1"),
        (Foreign("my_job", -1), "write whole seconds from 1"),
        (Foreign("my_job", 1.5), "write whole seconds from 1"),
        (Foreign("my_job", float("nan")), "write whole seconds from 1"),
        (Foreign("my_job", float("inf")), "write whole seconds from 1"),
        (Foreign("my_job", True), "write whole seconds from 1"),
        (Foreign("my_job", "5"), "write whole seconds from 1"),  # type: ignore[arg-type]
        (Foreign("my_job", 10**8), "write whole seconds from 1"),
    ],
)
def test_what_is_no_job_is_refused_in_a_sentence(job: Any, sentence: str) -> None:
    with pytest.raises(BadJob) as refused:
        JobRegistry().register(job)

    assert sentence in str(refused.value)
    assert "my_job" not in specs()


def test_two_objects_of_one_name_are_refused() -> None:
    JobRegistry().register(Foreign("my_job"))

    with pytest.raises(BadJob, match="two jobs are named 'my_job'"):
        JobRegistry().register(Foreign("my_job"))


def test_a_view_is_registered_once() -> None:
    made, view = JobRegistry(), DeclaredJob(specs()["intraday"])
    made.register(view)
    made.register(view)

    with pytest.raises(BadJob, match="two jobs are named 'intraday'"):
        made.register(DeclaredJob(specs()["intraday"]))
    assert len(made) == 1
