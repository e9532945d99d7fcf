"""What other hours do to runs once a session and at closes: nothing that was owed goes without a run or a row."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from tests.integration.drivers.conftest import World
from thor.celery import app
from thor.jobs import registry
from thor.jobs.models import Entry, Run, State
from thor.jobs.spec import make_spec
from thor.jobs.sync import sync_jobs
from thor.leadership.models import Leader
from thor.markets import transitions
from thor.markets.models import Market, Override
from thor.timing import Between, During, Every, ManualClock, Occurrence, OncePerSession

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
        "shining": {"cadence": OncePerSession(), "window": During("open"), "markets": ("japan",)},
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


def test_a_run_before_a_lunch_break_outlives_a_change_of_leaders() -> None:
    tokyo = datetime(2027, 11, 19, 0, 0, tzinfo=UTC)
    bell = World(ManualClock(tokyo - timedelta(hours=1)))
    sync_jobs(at=bell.clock.now())
    bell.new_leader()
    bell.clock.set(tokyo)
    bell.turn()

    for _ in range(2):
        bell.new_leader()
        bell.after(1)

    (run,) = Run.objects.filter(task="shining")
    assert (run.state, run.nominal_at, run.once_on) == (State.DUE, tokyo, DAY)


def test_an_override_that_is_withdrawn_after_a_run_gave_way_owes_it_again() -> None:
    bell = world(at("09:35"))
    bell.clock.set(at("09:40"))
    mistaken = override(open=time(10, 30))
    bell.turn()
    assert runs("entries") == [(State.MISSED, at("09:35"))]

    mistaken.delete()
    bell.turn()
    bell.after(1)

    assert [state for state, _ in runs("entries")] == [State.MISSED, State.DUE]
    assert Run.objects.get(task="entries", once_on=DAY).deadline_at == at("10:00")


def test_sessions_that_were_dropped_in_one_row_are_not_owed_later() -> None:
    bell = world(at("09:20"))
    entry = Entry.objects.get(job="entries")
    values = {"nominal_at": at("09:35") - timedelta(days=1), "last_at": at("09:35"), "count": 2}
    Run.objects.create(
        uid=uuid.uuid4(), entry=entry.pk, name=entry.name, task="entries", market="usa", due_at=at("09:35"),
        deadline_at=at("09:35"), decided_at=at("09:35"), state=State.MISSED, **values,
    )  # fmt: skip
    bell.clock.set(at("09:50"))
    Leader.objects.update(decided_until=at("09:49"))

    bell.new_leader()
    bell.turn()

    assert not Run.objects.filter(task="entries", once_on=DAY).exists()


def test_a_close_whose_leader_died_at_once_runs_under_the_next() -> None:
    bell = world(at("13:20"))
    override(close=time(13))
    transitions.bootstrap_open_markets(bell.clock.now())  # as far as that leader came

    bell.new_leader()
    bell.turn()

    assert Run.objects.get(task="closing", nominal_at=at("13:00")).origin == "moved close"


def test_a_close_that_the_plan_still_brings_runs_once() -> None:
    bell = world(at("12:59:58"))
    bell.clock.set(at("13:00:01"))
    override(close=time(13))

    bell.turn()
    bell.after(2)

    assert [run.origin for run in Run.objects.filter(task="closing", nominal_at=at("13:00"))] == [""]


def test_a_leader_leaves_jobs_alone_that_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    bell = world(at("12:00"))
    known = registry.owned()
    monkeypatch.setattr("thor.jobs.sync.owned", lambda: {name: known[name] for name in known if name != "exits"})

    bell.new_leader()

    assert Entry.objects.get(job="exits").retired_at is None


def test_a_row_that_cannot_be_understood_ends_no_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(**_: Any) -> None:
        raise ValueError("a zone that nobody knows")

    bell = world(at("12:00"))
    monkeypatch.setattr("thor.drivers.chores.follow_activity", raising)

    bell.new_leader()
    bell.clock.set(at("15:35"))
    bell.turn()

    assert [state for state, _ in runs("exits")] == [State.DUE]
