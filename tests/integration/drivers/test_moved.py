"""What other hours do to runs once a session and at closes: nothing that was owed goes without a run or a row."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from tests.integration.drivers.conftest import World
from thor.celery import app
from thor.jobs import registry
from thor.jobs.models import Run, State
from thor.jobs.spec import make_spec
from thor.jobs.sync import sync_jobs
from thor.markets.models import Market, Override
from thor.timing import Between, Every, ManualClock, Occurrence, OncePerSession

pytestmark = pytest.mark.django_db(transaction=True)

#: A Friday in New York: 09:30 to 16:00 is 14:30 to 21:00 UTC.
DAY = date(2027, 11, 19)
NOON = datetime(2027, 11, 19, 17, 0, tzinfo=UTC)


def at(clock: str) -> datetime:
    """Return a time of day in New York."""
    return datetime.fromisoformat(f"{DAY}T{clock}-05:00").astimezone(UTC)


def body(occurrence: Occurrence, **_: Any) -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def declared(transactional_db: None) -> Iterator[None]:
    """Declare three jobs on New York: before the close, after the open, and at the close."""
    specs = {
        "exits": {"cadence": OncePerSession(), "window": Between("close-25m", "close")},
        "entries": {"cadence": OncePerSession(), "window": Between("open+5m", "open+30m")},
        "closing": {"cadence": Every(hours=24), "also_at": {"session_end"}},
    }
    for name, values in specs.items():
        registry.register(make_spec(name, body, "tests", {"markets": ("usa",), **values}))
    yield
    for name in specs:
        registry._specs.pop(name, None)
        app.tasks.pop(name, None)


def world(now: datetime) -> World:
    """Return a world that is led since the evening before, and has lived through the day until now."""
    made = World(ManualClock(NOON - timedelta(hours=16)))
    sync_jobs(at=made.clock.now())
    made.new_leader()
    for hour in range(16):
        made.clock.set(NOON - timedelta(hours=15 - hour))
        if made.clock.now() < now:
            made.turn()
    made.clock.set(now)
    made.turn()
    return made


def override(**values: Any) -> Override:
    return Override.objects.create(market=Market.objects.get(key="usa"), date=DAY, reason="mourning", **values)


def runs(job: str) -> list[tuple[str, datetime]]:
    found = Run.objects.filter(task=job, market="usa", nominal_at__gte=at("09:00"), nominal_at__lt=at("23:00"))
    return list(found.order_by("nominal_at").values_list("state", "nominal_at"))


def test_a_window_that_an_early_close_puts_around_this_moment_is_owed_now() -> None:
    bell = world(at("12:50"))

    override(close=time(13))
    bell.turn()
    bell.after(1)

    run = Run.objects.get(task="exits", once_on=DAY)
    assert run.nominal_at - at("12:50") < timedelta(seconds=1)
    assert (run.state, run.deadline_at) == (State.DUE, at("13:00"))
    assert len(runs("exits")) == 1


def test_a_window_that_had_passed_when_it_was_known_is_a_row_that_says_so() -> None:
    bell = world(at("13:20"))

    override(close=time(13))
    bell.turn()
    bell.after(1)

    assert runs("exits") == [(State.MISSED, at("12:35"))]


def test_a_closure_that_is_withdrawn_in_the_window_owes_its_run() -> None:
    bell = world(at("12:00"))
    mistaken = override(closed=True)
    bell.turn()
    bell.clock.set(at("15:40"))
    bell.turn()
    assert runs("exits") == []

    mistaken.delete()
    bell.turn()
    bell.after(1)

    assert [state for state, _ in runs("exits")] == [State.DUE]


def test_a_late_open_gives_a_run_that_never_began_another_window() -> None:
    bell = world(at("09:35"))
    assert runs("entries") == [(State.DUE, at("09:35"))]

    bell.clock.set(at("09:50"))
    override(open=time(10, 30))
    bell.turn()
    bell.clock.set(at("10:35"))
    bell.turn()

    assert runs("entries") == [(State.MISSED, at("09:35")), (State.DUE, at("10:35"))]


def test_a_run_that_has_begun_is_not_decided_again() -> None:
    bell = world(at("09:35"))
    Run.objects.filter(task="entries").update(state=State.SUCCEEDED, attempt=1)

    bell.clock.set(at("09:50"))
    override(open=time(10, 30))
    bell.turn()
    bell.clock.set(at("10:36"))
    bell.turn()

    assert runs("entries") == [(State.SUCCEEDED, at("09:35"))]


@pytest.mark.parametrize(
    ("values", "close"), [({"close": time(13)}, at("13:00")), ({"closed": True}, at("13:20"))], ids=["moved", "off"]
)
def test_what_runs_at_a_close_runs_when_the_close_is_put_into_the_past(values: dict[str, Any], close: datetime) -> None:
    bell = world(at("13:20"))

    override(**values)
    bell.turn()
    bell.after(1)

    assert (State.DUE, close) in runs("closing")
    assert Run.objects.get(task="closing", nominal_at=close).origin == "moved close"


def test_a_new_leader_owes_what_its_predecessor_saw_move_and_did_not_live_to_decide() -> None:
    bell = world(at("12:50"))
    override(close=time(13))

    bell.new_leader()
    bell.turn()
    bell.after(1)

    assert [state for state, _ in runs("exits")] == [State.DUE]


def test_nothing_is_owed_twice_however_often_leaders_change() -> None:
    bell = world(at("15:36"))
    assert [state for state, _ in runs("exits")] == [State.DUE]

    for _ in range(3):
        bell.new_leader()
        bell.turn()
        bell.after(1)

    assert len(runs("exits")) == 1


def test_a_market_switched_off_while_nobody_leads_fires_nothing() -> None:
    bell = world(at("12:00"))
    Market.objects.filter(key="usa").update(active=False)

    bell.new_leader()
    bell.clock.set(at("15:40"))
    bell.turn()

    assert runs("exits") == []
