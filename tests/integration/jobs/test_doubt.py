"""What a worker does with a run whose market's clock is unknown: real runs, claimed and carried out by its own code."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import redis
from celery.app.trace import build_tracer

from tests.integration.jobs.conftest import planned
from thor.celery import app
from thor.jobs import events, registry
from thor.jobs.claim import HEADER, header
from thor.jobs.decision import Decision, Planned, decide
from thor.jobs.models import Run, State
from thor.jobs.spec import make_spec
from thor.markets import broker_clock, standing_readings
from thor.markets.models import ClockReading, Market
from thor.timing import Between, Every, ManualClock, Occurrence, OncePerSession
from thor.trading.alpaca_clock import AlpacaClock

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Decision]
#: Ten in the morning in New York, on a Tuesday with usual hours.
TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
EVENING = TUESDAY + timedelta(hours=8)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """Let workers live at ten in the morning in New York; the ledger has the database's own clock."""
    manual = ManualClock(TUESDAY)
    monkeypatch.setattr("thor.jobs.middleware.doubt.process_clock", lambda: manual)
    return manual


@pytest.fixture
def usa(clock: ManualClock) -> Iterator[Market]:
    """Let New York go by a clock that nobody has asked yet."""
    broker_clock.connect(AlpacaClock("http://127.0.0.1:9", "key", "secret"))
    standing_readings.forget_readings()
    row = Market.objects.get(key="usa")
    row.clock_source = Market.ClockSource.BROKER
    row.save()
    yield row
    broker_clock.connect(None)
    standing_readings.forget_readings()


@pytest.fixture
def declare() -> Iterator[Callable[..., list[Occurrence]]]:
    """Declare a job for a test; what its body was called with is returned, and the job forgotten after the test."""
    calls: list[Occurrence] = []

    def make(**declared: Any) -> list[Occurrence]:
        def body(occurrence: Occurrence, **_: Any) -> str:
            calls.append(occurrence)
            return "done"

        values = {"cadence": Every(seconds=10), "markets": ("usa",), **declared}
        registry.register(make_spec("a_doubtful_job", body, "tests", values))
        return calls

    yield make
    registry._specs.pop("a_doubtful_job", None)
    app.tasks.pop("a_doubtful_job", None)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a test."""
    found: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(events, "_subscribers", [lambda name, fields: found.append((name, fields))])
    return found


def good_answer(row: Market, at: datetime, **changes: Any) -> None:
    """Write down what the broker's clock said on that Tuesday."""
    values: dict[str, Any] = {
        "asked_at": at,
        "answered_at": at,
        "is_open": True,
        "opens_at": datetime(2026, 11, 25, 14, 30, tzinfo=UTC),
        "closes_at": datetime(2026, 11, 24, 21, 0, tzinfo=UTC),
        "day": date(2026, 11, 24),
        "day_open": datetime(2026, 11, 24, 14, 30, tzinfo=UTC),
        "day_close": datetime(2026, 11, 24, 21, 0, tzinfo=UTC),
    }
    ClockReading.objects.update_or_create(market=row, defaults={**values, **changes})
    standing_readings.forget_readings()


@pytest.fixture
def due(decision: Make, at: datetime) -> Planned:
    """Decide a run of that job that is due now."""
    row = planned(uuid.uuid4(), at, task="a_doubtful_job", market="usa")
    decide(decision(row))
    return row


def deliver(row: Planned, market: str | None = "usa") -> None:
    """Carry out a message about the run, as a worker's process does once the message has come."""
    task = app.tasks["a_doubtful_job"]
    carried = {**header(Occurrence(row.entry, row.nominal_at, row.deadline_at, market=market)), "claim": True}
    request = {"id": str(row.uid), HEADER: carried, "hostname": "here", "delivery_info": {"routing_key": "default"}}
    build_tracer(task.name, task, app=app)(str(row.uid), (), {}, request)


def run() -> Run:
    return Run.objects.get()


def test_while_the_clock_is_unknown_no_body_runs_and_the_ledger_says_why(
    usa: Market, declare: Any, due: Planned, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    calls = declare()

    deliver(due)

    assert calls == []
    assert (run().state, run().reason) == (
        State.SKIPPED,
        "market clock unknown: the broker's clock has not answered yet",
    )
    assert run().finished_at is not None
    assert [name for name, _ in heard] == ["thor.run.refused"]
    assert heard[0][1]["reason"].startswith("market clock unknown")


def test_a_known_clock_lets_the_body_run(
    usa: Market, declare: Any, due: Planned, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    calls = declare()
    good_answer(usa, TUESDAY)

    deliver(due)

    assert [one.market for one in calls] == ["usa"]
    assert (run().state, run().result) == (State.SUCCEEDED, '"done"')
    assert [name for name, _ in heard] == ["thor.run.started", "thor.run.succeeded"]


def test_a_market_that_is_closed_beyond_doubt_leaves_the_window_to_decide(
    usa: Market, declare: Any, due: Planned, clock: ManualClock
) -> None:
    calls = declare()
    clock.set(EVENING)
    good_answer(usa, EVENING, is_open=False, closes_at=datetime(2026, 11, 25, 21, 0, tzinfo=UTC))

    deliver(due)

    assert len(calls) == 1


@pytest.mark.parametrize(
    ("wish", "now", "runs"),
    [
        ("skip", TUESDAY, False),
        ("skip", EVENING, False),
        ("calendar", TUESDAY, True),
        ("calendar", EVENING, False),
        ("run", TUESDAY, True),
        ("run", EVENING, True),
    ],
)
def test_a_job_says_how_it_takes_doubt(
    usa: Market, declare: Any, due: Planned, clock: ManualClock, wish: str, now: datetime, runs: bool
) -> None:
    calls = declare(on_doubt=wish)
    clock.set(now)

    deliver(due)

    assert len(calls) == runs
    assert run().state == (State.SUCCEEDED if runs else State.SKIPPED)


#: A second after the open in New York, when the clocks of broker and calendar may differ.
BELL = datetime(2026, 11, 24, 14, 30, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wish", "opens_at", "runs"),
    [
        ("skip", datetime(2026, 11, 25, 14, 30, tzinfo=UTC), False),
        ("calendar", datetime(2026, 11, 25, 14, 30, tzinfo=UTC), True),
        ("run", datetime(2026, 11, 25, 14, 30, tzinfo=UTC), True),
        ("skip", datetime(2026, 11, 24, 14, 30, tzinfo=UTC), True),
    ],
)
def test_next_to_a_bell_no_entry_goes_out_against_the_word_of_the_broker(
    usa: Market, declare: Any, due: Planned, clock: ManualClock, wish: str, opens_at: datetime, runs: bool
) -> None:
    calls = declare(on_doubt=wish)
    clock.set(BELL)
    good_answer(usa, BELL, is_open=False, opens_at=opens_at, closes_at=datetime(2026, 11, 25, 21, 0, tzinfo=UTC))

    deliver(due)

    assert len(calls) == runs
    assert run().reason == ("" if runs else "market clock unknown: the broker says closed, the calendar open")


def test_witnesses_that_disagree_are_doubt(usa: Market, declare: Any, due: Planned) -> None:
    calls = declare()
    good_answer(usa, TUESDAY, day_close=datetime(2026, 11, 24, 18, 0, tzinfo=UTC))

    deliver(due)

    assert calls == []
    assert run().reason.endswith("the broker has 09:30 to 13:00, the calendar 09:30 to 16:00")


def test_a_market_that_goes_by_its_calendar_is_never_in_doubt(clock: ManualClock, declare: Any, due: Planned) -> None:
    calls = declare()

    deliver(due)

    assert len(calls) == 1


def test_work_that_belongs_to_no_market_is_never_in_doubt(usa: Market, declare: Any, due: Planned) -> None:
    calls = declare(markets=None)

    deliver(due, market=None)

    assert len(calls) == 1


def test_what_comes_once_a_session_waits_for_the_clock_until_its_deadline(
    usa: Market, declare: Any, due: Planned, redis_client: redis.Redis
) -> None:
    calls = declare(cadence=OncePerSession(), window=Between("close-25m", "close"))

    deliver(due)

    assert calls == []
    waiting = run()
    assert (waiting.state, waiting.token, waiting.finished_at) == (State.DUE, None, None)
    assert waiting.reason.startswith("market clock unknown")
    assert waiting.deadline_at == due.deadline_at
    assert waiting.not_before is not None
    assert timedelta(seconds=10) < waiting.not_before - waiting.started_at < timedelta(seconds=20)
    assert redis_client.llen("default") == 1

    deliver(due)
    assert run().state == State.DUE  # too early: a second message changes nothing
    good_answer(usa, TUESDAY)
    Run.objects.update(not_before=waiting.started_at)
    deliver(due)

    assert len(calls) == 1
    assert (run().state, run().attempt) == (State.SUCCEEDED, 1)


def test_what_waited_past_its_deadline_is_missed(
    usa: Market, declare: Any, due: Planned, redis_client: redis.Redis
) -> None:
    calls = declare(cadence=OncePerSession(), window=Between("close-25m", "close"))
    deliver(due)
    Run.objects.update(not_before=None, deadline_at=due.nominal_at - timedelta(seconds=1))

    deliver(due)

    assert calls == []
    assert run().state == State.MISSED
