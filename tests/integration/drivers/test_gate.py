"""The bells toggle the entries of their market, and a person's switch outlives them."""

import logging
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django_celery_beat.models import PeriodicTask

from tests.integration.drivers.conftest import World
from thor.drivers import gate
from thor.jobs.controls import pause_entry, resume_entry
from thor.jobs.models import Control, Entry, Run, State
from thor.jobs.sync import sync_jobs
from thor.markets import transitions
from thor.markets.models import Market, Override, Transition
from thor.markets.signals import market_closed, market_opened
from thor.timing import ManualClock
from thor.timing.session import Session

pytestmark = pytest.mark.django_db(transaction=True)

#: us_equities opens at 04:00 in New York and closes four hours after the bell, at 20:00.
OPEN = datetime(2027, 11, 19, 9, 0, tzinfo=UTC)
CLOSE = datetime(2027, 11, 20, 1, 0, tzinfo=UTC)


def enabled(name: str) -> bool:
    return PeriodicTask.objects.get(name=name).enabled


@pytest.fixture
def bell(transactional_db: None) -> World:
    """Return a world of Thor's own jobs, a minute before us_equities opens."""
    world = World(ManualClock(OPEN - timedelta(minutes=1)))
    sync_jobs(at=world.clock.now())
    world.new_leader()
    return world


def test_the_bell_opens_the_gate_of_its_market_and_of_no_other(bell: World) -> None:
    before = dict(PeriodicTask.objects.values_list("name", "enabled"))
    assert not before["intraday @ us_equities"]

    bell.clock.set(OPEN)
    bell.turn()

    after = dict(PeriodicTask.objects.values_list("name", "enabled"))
    assert {name for name in after if after[name] != before[name]} == {
        "intraday @ us_equities",
        "rolling_24h @ us_equities",
        "vwap_minute @ us_equities",
        "week52_extremes @ us_equities",
    }


def test_the_bells_own_instant_is_owed(bell: World) -> None:
    bell.clock.set(OPEN)

    fired = bell.turn()

    assert "intraday @ us_equities" in fired
    assert Run.objects.get(name="intraday @ us_equities").nominal_at == OPEN


def test_nothing_fires_a_microsecond_before_the_bell(bell: World) -> None:
    bell.clock.set(OPEN - timedelta(microseconds=1))

    assert "intraday @ us_equities" not in bell.turn()


def test_the_close_shuts_the_gate_and_still_flushes(bell: World) -> None:
    bell.clock.set(CLOSE - timedelta(seconds=1))
    bell.turn()
    assert enabled("intraday @ us_equities")

    bell.clock.set(CLOSE)
    fired = bell.turn()

    assert not enabled("intraday @ us_equities")
    assert "intraday @ us_equities" not in fired
    assert "closed_bars_flush @ us_equities" in fired


def test_an_entry_that_a_person_switched_off_stays_off_through_the_bell(bell: World) -> None:
    PeriodicTask.objects.filter(name="closed_bars_flush @ us_equities").update(enabled=False)
    gate.settle(OPEN - timedelta(seconds=30))

    bell.clock.set(OPEN)
    fired = bell.turn()

    assert not enabled("closed_bars_flush @ us_equities")
    assert "closed_bars_flush @ us_equities" not in fired
    assert Control.objects.get(entry__name="closed_bars_flush @ us_equities").paused


def test_a_switch_in_the_admin_is_a_wish_in_the_name_of_who_made_it(bell: World) -> None:
    task = PeriodicTask.objects.get(name="intraday @ crypto")
    user = User.objects.create_user("trader")
    kind = ContentType.objects.get_for_model(PeriodicTask)
    LogEntry.objects.create(user=user, content_type=kind, object_id=str(task.pk), action_flag=CHANGE)
    task.enabled = False
    task.save()

    bell.turn()

    control = Control.objects.get(entry__name="intraday @ crypto")
    assert (control.paused, control.paused_by) == (True, "trader")
    assert "intraday @ crypto" not in bell.after(5)


def test_switching_on_again_resumes_from_now(bell: World) -> None:
    PeriodicTask.objects.filter(name="intraday @ crypto").update(enabled=False)
    gate.settle(bell.clock.now())
    bell.turn()
    bell.after(5)

    task = PeriodicTask.objects.get(name="intraday @ crypto")
    task.enabled = True
    task.save()
    bell.turn()

    assert "intraday @ crypto" in bell.after(1)
    assert enabled("intraday @ crypto")


def test_what_a_pause_dropped_is_one_row(bell: World) -> None:
    entry = Entry.objects.get(name="intraday @ crypto")
    bell.after(1)
    pause_entry(entry, by="trader", reason="looking", at=bell.clock.now())
    bell.turn()
    for _ in range(30):
        bell.after(1)
    assert not Run.objects.filter(name="intraday @ crypto", state=State.SKIPPED).exists()

    resume_entry(entry, by="trader", at=bell.clock.now())
    bell.turn()

    dropped = Run.objects.get(name="intraday @ crypto", state=State.SKIPPED)
    assert (dropped.reason, dropped.count) == ("paused", 30)
    assert Control.objects.get(entry=entry).resumed_at is None


def test_a_pause_and_a_bell_at_the_same_instant_end_alike_in_either_order(bell: World) -> None:
    entry = Entry.objects.get(name="intraday @ us_equities")

    gate.settle(OPEN)
    pause_entry(Entry.objects.get(pk=entry.pk), by="x", reason="", at=OPEN)
    gate.settle(OPEN)
    first = enabled(entry.name)
    resume_entry(Entry.objects.get(pk=entry.pk), by="x", at=OPEN)
    gate.settle(OPEN - timedelta(seconds=1))
    pause_entry(Entry.objects.get(pk=entry.pk), by="x", reason="", at=OPEN)
    gate.settle(OPEN)

    assert (first, enabled(entry.name)) == (False, False)


def test_a_switch_on_outside_the_window_is_turned_back(bell: World) -> None:
    PeriodicTask.objects.filter(name="intraday @ us_equities").update(enabled=True)

    gate.settle(bell.clock.now())

    assert not enabled("intraday @ us_equities")
    assert not Control.objects.filter(paused=True).exists()


def test_a_users_own_row_is_touched_by_no_gate(bell: World) -> None:
    interval = PeriodicTask.objects.exclude(interval=None)[0].interval
    PeriodicTask.objects.create(name="own", task="own.task", interval=interval, enabled=False)
    PeriodicTask.objects.create(name="other", task="own.task", interval=interval, enabled=True)

    bell.clock.set(OPEN)
    bell.turn()

    assert (enabled("own"), enabled("other")) == (False, True)


def test_after_an_outage_over_a_bell_the_gate_is_where_it_should_be(bell: World) -> None:
    bell.clock.set(OPEN + timedelta(hours=2))

    bell.new_leader()

    assert enabled("intraday @ us_equities")


def test_the_next_edge_is_the_bell(bell: World) -> None:
    assert gate.next_edge_at(bell.clock.now()) == OPEN


def override(**values: Any) -> Override:
    """Enter an override of New York's session of the day, which rules the extended day too."""
    usa = Market.objects.get(key="usa")
    return Override.objects.create(market=usa, date=date(2027, 11, 19), reason="mourning", **values)


def kinds(key: str) -> list[tuple[str, datetime]]:
    found = Transition.objects.filter(market__key=key, session_date=date(2027, 11, 19)).exclude(kind="phase")
    return list(found.order_by("at").values_list("kind", "at"))


NOON = datetime(2027, 11, 19, 17, 0, tzinfo=UTC)


def test_an_early_close_entered_at_noon_moves_the_windows_of_the_day(bell: World) -> None:
    bell.clock.set(NOON)
    bell.turn()
    override(close=time(13))
    bell.turn()

    early = NOON + timedelta(hours=5)  # 13:00 in New York, and four hours of the extended day
    late = NOON + timedelta(minutes=55)
    assert gate.next_edge_at(late) == NOON + timedelta(hours=1)  # New York's own jobs
    bell.clock.set(early - timedelta(seconds=1))
    assert "intraday @ us_equities" in bell.turn()
    bell.clock.set(early)
    fired = bell.turn()

    assert not enabled("intraday @ us_equities")
    assert "intraday @ us_equities" not in fired
    assert "closed_bars_flush @ us_equities" in fired
    assert kinds("usa")[-1] == ("closed", NOON + timedelta(hours=1))
    assert kinds("us_equities")[-1] == ("closed", early)


def test_a_close_that_is_entered_after_its_hour_rings_at_once(bell: World) -> None:
    bell.clock.set(NOON + timedelta(hours=7))
    bell.turn()
    assert enabled("intraday @ us_equities")

    override(close=time(13))
    bell.turn()

    assert not enabled("intraday @ us_equities")
    assert kinds("us_equities") == [("opened", OPEN), ("closed", NOON + timedelta(hours=5))]


def test_a_session_that_is_called_off_while_it_is_open_closes_now(bell: World) -> None:
    bell.clock.set(NOON)
    bell.turn()
    heard: list[datetime] = []

    def hear(market: str, session: Session, at: datetime, **_: Any) -> None:
        heard.extend([session.open, session.close] if market == "us_equities" else [])

    market_closed.connect(hear)
    override(closed=True)
    bell.turn()
    market_closed.disconnect(hear)

    assert not enabled("intraday @ us_equities")
    assert "intraday @ us_equities" not in bell.after(2)
    assert heard == [OPEN, NOON]
    assert kinds("us_equities") == [("opened", OPEN), ("called_off", NOON)]


def test_an_override_that_is_withdrawn_opens_the_gate_again(bell: World) -> None:
    bell.clock.set(NOON)
    bell.turn()
    row = override(closed=True)
    bell.turn()

    row.delete()
    bell.turn()
    bell.clock.set(CLOSE)
    bell.turn()
    assert kinds("us_equities")[-2:] == [("called_off", NOON), ("closed", CLOSE)]

    bell.clock.set(NOON + timedelta(days=3))
    bell.turn()
    Run.objects.update(state=State.SUCCEEDED)  # nothing of before is in the way
    bell.turn()

    assert enabled("intraday @ us_equities")
    assert "intraday @ us_equities" in bell.after(1)


def test_a_window_that_a_short_session_has_not_is_an_event(bell: World, caplog: pytest.LogCaptureFixture) -> None:
    Entry.objects.filter(name="intraday @ us_equities").update(window="between open+10h and close")
    override(close=time(9, 45))

    with caplog.at_level(logging.INFO):
        bell.turn()
        bell.clock.set(OPEN)
        bell.turn()

    said = [record.getMessage() for record in caplog.records if "thor.window.empty" in record.getMessage()]
    assert len(said) == 1
    assert "intraday @ us_equities" in said[0]


def test_a_market_made_active_or_not_has_its_lines_or_none(bell: World) -> None:
    crypto = Market.objects.get(key="crypto")
    crypto.active = False
    crypto.save()
    bell.turn()
    assert "intraday @ crypto" not in bell.after(2)
    assert Entry.objects.get(name="intraday @ crypto").retired_at is not None

    crypto.active = True
    crypto.save()
    bell.turn()

    assert "intraday @ crypto" in bell.after(2)


def test_a_receiver_that_failed_hears_the_bell_again_within_seconds(bell: World) -> None:
    heard: list[datetime] = []

    def hear(at: datetime, market: str, **_: Any) -> None:
        if market == "us_equities":
            heard.append(at)
            if len(heard) == 1:
                raise RuntimeError("the database was away")

    market_opened.connect(hear)
    bell.clock.set(OPEN)
    bell.turn()
    transitions.resend_unhandled(OPEN + timedelta(seconds=1))
    transitions.resend_unhandled(OPEN + timedelta(seconds=2))
    market_opened.disconnect(hear)

    assert heard == [OPEN, OPEN]
