"""Bells become rows and signals: once, late, again after a crash, and never a year of history."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from thor.markets.models import Market, Transition
from thor.markets.phases import bells
from thor.markets.sessions import sessions_of
from thor.markets.signals import market_opened
from thor.markets.transitions import bootstrap_open_markets, make_transitions, next_transition_at
from thor.timing.phase import Phase

pytestmark = pytest.mark.django_db


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


BELL = utc("2026-11-20 14:30:00")
BEFORE = BELL - timedelta(seconds=1)


@pytest.fixture
def only_new_york():
    Market.objects.exclude(key="usa").update(active=False)


def test_a_signal_carries_the_market_the_session_and_the_instant(ear, only_new_york):
    make_transitions(BEFORE, BELL)

    session = sessions_of("usa").on(date(2026, 11, 20))
    common = {"market": "usa", "session": session, "at": BELL}
    assert ear.heard == [("opened", common), ("phase", {**common, "phase": Phase.open})]


def test_the_instant_itself_belongs_to_the_call_that_reaches_it(only_new_york):
    moment = timedelta(microseconds=1)

    assert make_transitions(BEFORE, BELL - moment) == []
    assert len(make_transitions(BELL - moment, BELL)) == 2
    assert make_transitions(BELL, BELL + moment) == []


def test_calling_again_sends_nothing_again(ear, only_new_york):
    assert len(make_transitions(BEFORE, BELL)) == 2
    assert make_transitions(BEFORE, BELL) == []
    assert len(ear.heard) == 2


def test_a_row_keeps_the_instant_of_the_bell_and_says_how_late_it_was(only_new_york):
    late = BELL + timedelta(seconds=3)

    make_transitions(BEFORE, late)

    row = Transition.objects.get(kind="opened")
    assert (row.at, row.handled_at, row.lateness) == (BELL, late, timedelta(seconds=3))


def test_a_break_changes_the_phase_and_rings_no_bell(ear):
    make_transitions(utc("2026-11-20 02:29:59"), utc("2026-11-20 03:30:00"))

    tokyo = [(name, details.get("phase")) for name, details in ear.heard if details["market"] == "japan"]
    assert tokyo == [("phase", Phase.break_), ("phase", Phase.open)]


def test_a_market_that_never_closes_makes_no_transitions(ear):
    make_transitions(utc("2026-11-19 00:00:00"), utc("2026-11-22 00:00:00"))

    assert ear.bells("crypto") == []


def test_an_inactive_market_makes_no_transitions(ear):
    Market.objects.filter(key="usa").update(active=False)

    make_transitions(BEFORE, BELL)

    assert ear.bells("usa") == []
    assert ear.bells("canada") == ["opened", "phase"]


def test_a_receiver_that_raises_does_not_stop_the_others_and_the_row_is_sent_again(ear, only_new_york):
    ear.deaf = True
    make_transitions(BEFORE, BELL)
    assert Transition.objects.filter(handled_at__isnull=True).count() == 2

    ear.deaf = False
    make_transitions(BELL, BELL + timedelta(seconds=1))

    assert ear.bells("usa") == ["opened", "phase"]
    assert not Transition.objects.filter(handled_at__isnull=True).exists()


def unhandled(**claim) -> Transition:
    market = Market.objects.get(key="usa")
    return Transition.objects.create(
        market=market, session_date=BELL.date(), kind="opened", phase="open", at=BELL, claim=uuid4(), **claim
    )


def test_a_row_left_by_a_process_that_died_is_sent_by_the_next_call(ear, only_new_york):
    unhandled(claimed_at=Now() - timedelta(seconds=11))

    make_transitions(BELL + timedelta(minutes=1), BELL + timedelta(minutes=2))

    assert ear.bells("usa") == ["opened"]


def test_a_row_that_another_process_is_sending_is_left_to_it(ear, only_new_york):
    unhandled(claimed_at=Now())

    assert make_transitions(BELL + timedelta(minutes=1), BELL + timedelta(minutes=2)) == []
    assert ear.heard == []


def test_a_row_that_was_taken_over_meanwhile_is_left_to_its_new_sender(ear, only_new_york):
    def take_over_the_rest(**_: Any) -> None:
        Transition.objects.exclude(kind="opened").update(claim=uuid4())

    market_opened.connect(take_over_the_rest)
    make_transitions(BEFORE, BELL)
    market_opened.disconnect(take_over_the_rest)

    assert ear.bells("usa") == ["opened"]


def test_yesterdays_unhandled_row_is_not_news_any_more(ear, only_new_york):
    unhandled()

    make_transitions(BELL + timedelta(hours=25), BELL + timedelta(hours=25, seconds=1))

    assert ear.heard == []


def test_a_bell_that_has_rung_does_not_ring_again_when_its_instant_is_moved(only_new_york):
    row = unhandled()
    Transition.objects.filter(pk=row.pk).update(at=BELL - timedelta(minutes=5), handled_at=BELL)

    kinds = [row.kind for row in make_transitions(BEFORE, BELL)]

    assert kinds == ["phase"]


def test_when_nothing_is_due_one_small_query_is_enough(django_assert_num_queries, only_new_york):
    make_transitions(BEFORE, BELL)

    with django_assert_num_queries(1):
        make_transitions(BELL, BELL + timedelta(seconds=1))


def test_the_next_transition_is_the_nearest_of_all_active_markets():
    assert next_transition_at(utc("2026-11-20 14:00:00")) == utc("2026-11-20 14:00:00") + timedelta(minutes=15)
    assert next_transition_at(utc("2026-11-20 14:15:00")) == BELL
    assert next_transition_at(BELL) == utc("2026-11-20 16:15:00")


def test_the_next_transition_follows_an_edit():
    assert next_transition_at(utc("2026-11-20 14:15:00")) == BELL
    for market in Market.objects.filter(key__in=["usa", "canada", "mexico", "pre_usa"]):
        market.active = False
        market.save()

    assert next_transition_at(utc("2026-11-20 14:15:00")) == utc("2026-11-20 16:15:00")


def test_without_an_active_market_there_is_no_next_transition():
    Market.objects.update(active=False)

    assert next_transition_at(BELL) is None


def test_walking_from_transition_to_transition_meets_every_bell():
    at, end = utc("2026-11-20 00:00:00"), utc("2026-11-21 00:00:00")
    written = []
    while (following := next_transition_at(at)) <= end:
        written += make_transitions(at, following)
        at = following

    expected = [
        bell
        for market in Market.objects.all()
        for bell in bells(sessions_of(market.key), utc("2026-11-20 00:00:00"), end)
    ]
    assert len(written) == len(expected)


def test_bootstrap_makes_up_for_the_last_bells_and_not_for_a_year(ear):
    now = utc("2026-11-20 15:00:00")
    make_transitions(utc("2025-11-19 12:00:00"), utc("2025-11-19 15:00:00"))
    ear.heard.clear()

    made_up = bootstrap_open_markets(now)

    assert {(row.market.key, row.kind) for row in made_up} == {
        (market.key, kind) for market in Market.objects.exclude(key="crypto") for kind in ("opened", "closed")
    }
    assert len(made_up) == 22
    assert ear.bells("usa") == ["closed", "opened"]
    assert ear.bells("japan") == ["opened", "closed"]
    assert [row.at for row in made_up] == sorted(row.at for row in made_up)
    assert {row.handled_at for row in made_up} == {now}


def test_bootstrap_makes_up_for_nothing_twice(ear):
    bootstrap_open_markets(BELL)

    assert bootstrap_open_markets(BELL) == []
    assert [row.kind for row in make_transitions(BEFORE, BELL) if row.market.key == "usa"] == ["phase"]


def test_after_an_outage_over_one_bell_only_that_bell_is_made_up(ear, only_new_york):
    bootstrap_open_markets(BELL - timedelta(hours=1))
    ear.heard.clear()

    made_up = bootstrap_open_markets(BELL + timedelta(minutes=40))

    assert [(row.kind, row.at) for row in made_up] == [("opened", BELL)]


def test_bootstrap_before_the_first_session_of_all_finds_nothing():
    assert bootstrap_open_markets(utc("1985-01-01 00:00:00")) == []
