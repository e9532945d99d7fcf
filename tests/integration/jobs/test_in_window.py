"""A run that waited for its worker is judged again by the hours as they are by now, in a worker's own code."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from celery.app.trace import build_tracer

from tests.integration.jobs.conftest import planned
from thor.celery import app
from thor.jobs import registry
from thor.jobs.claim import HEADER, header
from thor.jobs.decision import Decision, Planned, decide
from thor.jobs.models import Entry, Run, State
from thor.jobs.spec import make_spec
from thor.markets.models import Market, Override, Transition
from thor.markets.sessions import sessions_of
from thor.timing import Between, During, Every, ManualClock, Occurrence, OncePerSession

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2027, 11, 19)
#: Twenty to four in the afternoon in New York, on a Friday with usual hours.
LATE = datetime(2027, 11, 19, 20, 40, tzinfo=UTC)
CLOSE = LATE + timedelta(minutes=20)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    manual = ManualClock(LATE)
    monkeypatch.setattr("thor.jobs.middleware.in_window.process_clock", lambda: manual)
    return manual


@pytest.fixture
def declare(clock: ManualClock) -> Iterator[Callable[..., list[Occurrence]]]:
    """Declare a job on New York with its entry; what its body was called with is returned."""
    calls: list[Occurrence] = []

    def make(**declared: Any) -> list[Occurrence]:
        def body(occurrence: Occurrence, **_: Any) -> None:
            calls.append(occurrence)

        spec = make_spec("a_waiting_job", body, "tests", {"cadence": Every(minutes=1), "markets": ("usa",), **declared})
        registry.register(spec)
        Entry.objects.create(
            name="a_waiting_job @ usa", job=spec.name, market="usa", window=spec.window.text(), since=LATE
        )
        return calls

    yield make
    registry._specs.pop("a_waiting_job", None)
    app.tasks.pop("a_waiting_job", None)


@pytest.fixture
def deliver(decision: Callable[..., Decision]) -> Callable[..., Run]:
    """Decide a run of that job at an instant, and carry its message out as a worker's process does."""

    def send(nominal_at: datetime, origin: str = "") -> Run:
        entry = Entry.objects.get().pk
        row: Planned = planned(entry, nominal_at, task="a_waiting_job", market="usa", origin=origin, uid=uuid.uuid4())
        decide(decision(row))
        occurrence = Occurrence(entry, nominal_at, row.deadline_at, market="usa", origin=origin)
        task = app.tasks["a_waiting_job"]
        request = {"id": str(row.uid), HEADER: {**header(occurrence), "claim": True}, "hostname": "here"}
        build_tracer(task.name, task, app=app)(
            str(row.uid), (), {}, {**request, "delivery_info": {"routing_key": "default"}}
        )
        return Run.objects.get(uid=row.uid)

    return send


def override(**values: Any) -> None:
    Override.objects.create(market=Market.objects.get(key="usa"), date=DAY, reason="halted", **values)


def test_a_slot_of_its_window_runs_even_if_its_worker_comes_just_after_the_bell(
    declare: Any, deliver: Any, clock: ManualClock
) -> None:
    calls = declare(window=During("open"))
    clock.set(CLOSE + timedelta(milliseconds=200))

    assert deliver(CLOSE - timedelta(minutes=1)).state == State.SUCCEEDED
    assert len(calls) == 1


def test_a_slot_after_a_close_that_was_entered_meanwhile_is_left_out(declare: Any, deliver: Any) -> None:
    calls = declare(window=During("open"))
    override(close=time(15, 30))

    run = deliver(LATE)

    assert (run.state, run.reason) == (State.SKIPPED, "outside its window by now: during open")
    assert calls == []


def test_once_a_session_waits_while_the_market_is_halted_for_the_day(
    declare: Any, deliver: Any, clock: ManualClock, redis_client: Any
) -> None:
    calls = declare(cadence=OncePerSession(), window=Between("close-25m", "close"))
    override(close=time(15, 37))

    run = deliver(LATE - timedelta(minutes=5))

    assert calls == []
    assert (run.state, run.attempt) == (State.DUE, 0)
    assert run.not_before is not None


def test_once_a_session_runs_at_any_moment_of_its_window(declare: Any, deliver: Any) -> None:
    calls = declare(cadence=OncePerSession(), window=Between("close-25m", "close"))

    assert deliver(LATE - timedelta(minutes=5)).state == State.SUCCEEDED
    assert len(calls) == 1


def test_a_run_at_the_close_is_no_run_outside_the_window(declare: Any, deliver: Any) -> None:
    declare(window=During("open"), also_at={"session_end"})

    assert deliver(CLOSE).state == State.SUCCEEDED


def test_what_a_person_asked_for_runs_whatever_the_hours_are(declare: Any, deliver: Any) -> None:
    declare(window=During("open"))
    override(closed=True)

    assert deliver(LATE, origin="manual:trader").state == State.SUCCEEDED


def test_a_market_that_was_switched_off_runs_nothing_any_more(declare: Any, deliver: Any) -> None:
    calls = declare()
    market = Market.objects.get(key="usa")
    market.active = False
    market.save()

    run = deliver(LATE)

    assert (run.state, run.reason) == (State.SKIPPED, "the market usa is not active")
    assert calls == []


def test_a_worker_with_a_slow_clock_takes_the_first_run_of_a_window(
    declare: Any, deliver: Any, clock: ManualClock
) -> None:
    declare(cadence=OncePerSession(), window=Between("close-25m", "close"))
    opens = CLOSE - timedelta(minutes=25)
    clock.set(opens - timedelta(milliseconds=50))

    assert deliver(opens).state == State.SUCCEEDED


def test_a_run_at_a_close_that_has_rung_is_kept_when_the_close_is_moved_back(
    declare: Any, deliver: Any, clock: ManualClock
) -> None:
    declare(window=During("open"), also_at={"session_end"})
    usa = Market.objects.get(key="usa")
    Transition.objects.create(market=usa, session_date=DAY, kind="closed", phase="closed", at=CLOSE)
    clock.set(CLOSE + timedelta(seconds=3))
    override(close=time(15, 30))

    assert deliver(CLOSE).state == State.SUCCEEDED


def test_a_worker_looks_once_more_before_it_refuses(declare: Any, deliver: Any) -> None:
    declare(window=During("open"))
    row = Override(market=Market.objects.get(key="usa"), date=DAY, reason="mistaken", closed=True)
    row.save()
    assert not sessions_of("usa").is_open(LATE)

    Override.objects.filter(pk=row.pk)._raw_delete("default")  # no signal tells this process

    assert deliver(LATE).state == State.SUCCEEDED
