"""A broker that is silent says nothing of the account: exits go on by what it said last, and it is asked again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.integration.trading.memory_desk import MemoryDesk, run_of
from thor.jobs.registry import specs
from thor.jobs.selectors import times_of
from thor.jobs.sync import sync_jobs
from thor.leadership.clock import live_by
from thor.timing import Occurrence
from thor.trading.brokers.port import BrokerFill, BrokerUnreachable
from thor.trading.models import Reconciliation
from thor.trading.moment import is_real_time
from thor.trading.readiness import why_not_enter, why_not_exit
from thor.trading.services import reconciliation as service

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that were waited for, in place of waiting."""
    found: list[float] = []
    monkeypatch.setattr(service, "sleep", found.append)
    return found


def reconcile(desk: MemoryDesk, run: int = 100, **options: Any) -> str:
    found = service.reconcile_account(broker=desk.broker, run=run_of(run), at=desk.now, **options)
    return str(found["status"])


def mend_at(desk: MemoryDesk, tries: int) -> Callable[[float], None]:
    """Return a sleep after which, for so many times, the broker answers again."""
    left = [tries]

    def sleep(seconds: float) -> None:
        left[0] -= 1
        if not left[0]:
            desk.broker.mend()

    return sleep


def test_exits_go_on_by_the_last_answer_while_it_is_fresh_and_entries_do_not(desk: MemoryDesk) -> None:
    reconcile(desk)
    desk.wait(hours=3)
    desk.broker.cut()

    assert reconcile(desk, run=101) == "FAILED"

    assert why_not_exit(desk.now) == ""
    assert "the broker does not tell its account" in why_not_enter(desk.now)
    assert "too long ago" in why_not_exit(desk.wait(hours=1, seconds=1))


def test_without_any_answer_nothing_is_sold(desk: MemoryDesk) -> None:
    desk.broker.cut()
    reconcile(desk)

    assert "FAILED" in why_not_exit(desk.now)


def test_a_blocked_account_stops_exits_also_once_the_broker_has_fallen_silent(desk: MemoryDesk) -> None:
    desk.broker.said["is_account_blocked"] = True
    reconcile(desk)
    desk.broker.cut()
    reconcile(desk, run=101)

    assert "blocked the account" in why_not_exit(desk.now)


def test_a_broker_that_does_not_answer_is_asked_again_within_the_run(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.broker.cut()
    monkeypatch.setattr(service, "sleep", mend_at(desk, tries=2))

    assert reconcile(desk, waits=service.WAITS) == "READY"
    assert Reconciliation.objects.count() == 1


def test_it_is_asked_so_often_and_no_more(desk: MemoryDesk, slept: list[float]) -> None:
    desk.broker.cut()

    assert reconcile(desk, waits=service.WAITS) == "FAILED"
    assert slept == [5, 15, 30]


def test_it_is_not_asked_again_where_the_run_would_come_to_its_time_limit(
    desk: MemoryDesk, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 60.0, 145.1])
    monkeypatch.setattr(service, "monotonic", lambda: next(times))
    desk.broker.cut()

    assert reconcile(desk, waits=(5.0, 5.0)) == "FAILED"
    assert slept == [5]


def test_only_what_was_not_answered_is_repeated(desk: MemoryDesk) -> None:
    assert service.repeat_unanswered(broker=desk.broker, run=run_of(1), at=desk.now) is None
    desk.broker.cut()
    reconcile(desk)
    desk.broker.mend()

    again = service.repeat_unanswered(broker=desk.broker, run=run_of(1), at=desk.wait(minutes=3))

    assert again is not None
    assert (again["status"], why_not_enter(desk.now)) == ("READY", "")
    assert service.repeat_unanswered(broker=desk.broker, run=run_of(2), at=desk.now) is None


def test_polling_repeats_it(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_chosen", lambda: desk.broker)
    monkeypatch.setattr("thor.trading.services.order_polling._chosen", lambda: desk.broker)
    poll = Occurrence(uuid4(), desk.now, desk.now + timedelta(minutes=3), market="usa")
    desk.broker.cut()
    reconcile(desk)
    desk.broker.mend()

    found = [specs()["order_polling"].body(poll) for _ in range(2)]

    nothing = "no pending orders"
    assert found == [{"polled": nothing, "reconciled": "READY"}, nothing]


def test_time_that_does_not_pass_by_itself_is_not_waited_for(desk: MemoryDesk, slept: list[float]) -> None:
    desk.broker.cut()
    body = specs()["reconciliation"].body
    occurrence = Occurrence(uuid4(), desk.now, desk.now + timedelta(minutes=3))

    with pytest.MonkeyPatch.context() as patch, live_by(desk.clock):
        patch.setattr(service, "_chosen", lambda: desk.broker)
        assert not is_real_time()
        assert body(occurrence)["status"] == "FAILED"

    assert slept == []
    assert is_real_time()


def test_the_newest_is_the_one_that_was_written_last(desk: MemoryDesk) -> None:
    desk.wait(minutes=4)
    reconcile(desk)
    desk.clock.set(desk.now - timedelta(minutes=4))
    desk.broker.said["is_trading_blocked"] = True

    reconcile(desk, run=101)

    assert "EXIT_ONLY" in why_not_enter(desk.now)


def test_what_is_of_the_future_is_not_fresh_and_no_cursor(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = desk.now
    reconcile(desk)
    desk.wait(days=30)
    reconcile(desk, run=101)
    desk.clock.set(now + timedelta(minutes=1))

    assert "still to come" in why_not_exit(desk.now)
    asked: list[Any] = []

    def fills(since: Any) -> list[BrokerFill]:
        asked.append(since)
        return []

    monkeypatch.setattr(desk.broker, "fills", fills)
    reconcile(desk, run=102)
    assert asked == [now - timedelta(hours=24)]
    assert why_not_exit(desk.now) == why_not_enter(desk.now) == ""


@pytest.fixture
def mute_fills(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the broker not tell its fills; return what lets it tell them again."""
    told = desk.broker.fills

    def fills(since: Any) -> list[BrokerFill]:
        raise BrokerUnreachable("it takes too long")

    monkeypatch.setattr(desk.broker, "fills", fills)
    return lambda: monkeypatch.setattr(desk.broker, "fills", told)


def test_one_question_without_an_answer_is_asked_again_with_the_next_poll(
    desk: MemoryDesk, mute_fills: Callable[[], None]
) -> None:
    assert reconcile(desk) == "SAFE_MODE"
    mute_fills()
    desk.wait(minutes=3)

    again = service.repeat_unanswered(broker=desk.broker, run=run_of(101), at=desk.now)

    assert again is not None
    assert again["status"] == "READY"
    assert why_not_enter(desk.now) == ""
    assert service.repeat_unanswered(broker=desk.broker, run=run_of(102), at=desk.now) is None


def test_one_question_without_an_answer_is_asked_again_within_the_run(
    desk: MemoryDesk, mute_fills: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "sleep", lambda seconds: mute_fills())

    assert reconcile(desk, waits=(5.0,)) == "READY"
    assert Reconciliation.objects.count() == 1


def test_a_result_counts_until_two_more_were_due_however_seldom_they_are(desk: MemoryDesk) -> None:
    reconcile(desk, good_until=desk.now + timedelta(hours=12))
    desk.wait(hours=12)
    assert why_not_exit(desk.now) == ""

    assert "too long ago" in why_not_exit(desk.wait(seconds=1))


def test_one_that_knows_no_schedule_counts_as_long_as_the_one_before_it(desk: MemoryDesk) -> None:
    until = desk.now + timedelta(hours=12)
    reconcile(desk, good_until=until)
    reconcile(desk, run=101)

    assert [one.good_until for one in Reconciliation.objects.all()] == [until, until]


def test_who_edits_the_interval_edits_how_long_a_result_counts(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_chosen", lambda: desk.broker)
    sync_jobs(at=desk.now - timedelta(seconds=1))
    hours = timedelta(hours=6)
    interval = IntervalSchedule.objects.create(every=6, period="hours")
    PeriodicTask.objects.filter(thor_entry__job="reconciliation").update(interval=interval)
    sync_jobs(at=desk.now)
    occurrence = Occurrence(uuid4(), desk.now, desk.now + timedelta(minutes=3))

    with live_by(desk.clock):
        assert specs()["reconciliation"].body(occurrence)["status"] == "READY"

    due = times_of("reconciliation", after=desk.now, count=2)
    assert due[1] - due[0] == hours
    assert Reconciliation.objects.get().good_until == due[1]
    desk.wait(seconds=(due[1] - desk.now).total_seconds())
    assert why_not_exit(desk.now) == ""


def test_a_job_that_has_no_line_is_due_at_no_time(desk: MemoryDesk) -> None:
    assert times_of("nobody", after=desk.now, count=2) == []
