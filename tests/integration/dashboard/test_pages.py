"""The page, its live part, the log-in and the policy that guards them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
import redis
from django.test import Client
from django.urls import reverse

from tests.integration.dashboard.rows import TUESDAY, make_bars, make_entry, make_person, make_run
from thor.env import env
from thor.jobs.models import State
from thor.leadership.seat import STACK
from thor.leadership.selectors import LeaderStatus
from thor.marketdata.selectors import FeedStatus
from thor.markets.models import Market, Override
from thor.markets.sessions import sessions_of
from thor.timing import ManualClock, ReplayClock

PAGES = ["/", "/live/", "/chart/SPY.json", "/plotly-1.min.js"]


@pytest.fixture
def leader(monkeypatch: pytest.MonkeyPatch) -> LeaderStatus:
    """Let somebody lead."""
    age = timedelta(milliseconds=300)
    status = LeaderStatus("beat-1:4711", 7, TUESDAY - timedelta(hours=2), TUESDAY, True, age, "")
    monkeypatch.setattr("thor.dashboard.board.leader_status", lambda: status)
    return status


@pytest.mark.django_db
def test_in_legacy_mode_the_page_names_the_stack_and_who_keeps_all_other_entries(
    trader: Client, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        "thor:stack": LeaderStatus("stack-1:4711", 3, TUESDAY, TUESDAY, True, timedelta(0), ""),
        "thor:leader": LeaderStatus("beat-1:4712", 9, TUESDAY, TUESDAY, True, timedelta(0), ""),
    }
    monkeypatch.setenv("THOR_SCHEDULER_MODE", "legacy")
    env.cache_clear()
    monkeypatch.setattr("thor.dashboard.board.leader_status", lambda seat=STACK: found[seat.lease])

    page = trader.get("/live/").content.decode()

    monkeypatch.undo()
    env.cache_clear()
    assert "<dd>stack-1:4711</dd>" in page
    assert "LEGACY" in page
    assert "beat-1:4712, term 9" in page


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_is_led_to_the_log_in(client: Client, address: str) -> None:
    answer = client.get(address)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/live/", "/chart/SPY.json", "/plotly-1.min.js", "/healthz"])
def test_pages_are_only_read(trader: Client, address: str) -> None:
    assert trader.post(address).status_code == 405


@pytest.mark.django_db
def test_logging_in_leads_to_the_page_that_was_asked_for(client: Client, clock: ManualClock) -> None:
    make_person()
    page = client.get("/login/?next=/live/")
    assert b'name="next" value="/live/"' in page.content

    answer = client.post("/login/", {"username": "trader", "password": "a long password", "next": "/live/"})

    assert answer["Location"] == "/live/"


@pytest.mark.django_db
def test_a_wrong_password_gets_one_sentence(client: Client) -> None:
    page = client.post("/login/", {"username": "trader", "password": "guess"}).content.decode()

    assert "User name and password do not match." in page
    assert 'value="trader"' in page
    assert "guess" not in page


def test_logging_out_is_a_form_that_is_posted(trader: Client) -> None:
    assert '<form method="post" action="/logout/">' in trader.get("/").content.decode()
    assert trader.get("/logout/").status_code == 405

    trader.post("/logout/")

    assert trader.get("/").status_code == 302


def test_whoever_is_logged_out_already_is_not_sent_through_the_log_in_to_a_log_out(client: Client) -> None:
    assert client.post("/logout/").headers["location"] == "/login/"


def test_markets_show_phase_local_time_and_next_event(trader: Client) -> None:
    page = trader.get("/").content.decode()

    for market in Market.objects.all():
        assert market.name in page
    assert 'data-clock="America/New_York">10:00:00</span>' in page
    assert 'data-clock="Asia/Tokyo">23:00:00</span>' in page
    assert 'title="2024-07-09 14:00:00 UTC"' in page
    # New York closes at 16:00, in six hours.
    assert '<span class="countdown" data-until="1720555200000">06:00:00</span>' in page
    assert 'title="2024-07-09 20:00:00 UTC">16:00</time>' in page


def test_a_phase_is_a_word_and_a_sign_as_well_as_a_colour(trader: Client) -> None:
    page = trader.get("/").content.decode()

    assert '<span class="mark good"><span class="sign" aria-hidden="true">●</span> open</span>' in page
    assert '<span class="mark calm"><span class="sign" aria-hidden="true">○</span> closed</span>' in page


def test_sessions_beyond_the_calendars_horizon_are_marked(trader: Client, clock: ManualClock) -> None:
    assert "provisional" not in trader.get("/live/").content.decode()

    clock.set(datetime(2027, 3, 9, 3, 0, tzinfo=UTC))

    assert "provisional" in trader.get("/live/").content.decode()


def test_overrides_of_today_and_later_show_what_and_why(trader: Client) -> None:
    usa = Market.objects.get(key="usa")
    Override.objects.create(market=usa, date=date(2024, 7, 9), close=time(13), reason="<b>storm</b> & flood")
    Override.objects.create(market=usa, date=date(2024, 7, 10), closed=True, reason="mourning")
    Override.objects.create(market=usa, date=date(2024, 7, 8), closed=True, reason="over")

    page = trader.get("/live/").content.decode()

    assert page.count("override: </span>closes 13:00</span>") == 3  # New York, and the two that are derived from it
    assert "&lt;b&gt;storm&lt;/b&gt; &amp; flood" in page
    assert '<time datetime="2024-07-10">Wed 2024-07-10</time>' in page
    assert "moves Pre_USA, US equities too" in page
    assert "over</" not in page
    # New York closes at 13:00 now, in three hours.
    assert '<span class="countdown" data-until="1720544400000">03:00:00</span>' in page


def test_more_overrides_than_there_is_room_for_are_counted(trader: Client) -> None:
    usa = Market.objects.get(key="usa")
    for days in range(14):
        Override.objects.create(market=usa, date=date(2024, 8, 1) + timedelta(days=days), closed=True, reason="storm")

    assert "And 2 later ones" in trader.get("/live/").content.decode()


def test_a_calendar_that_ends_soon_says_so(trader: Client, clock: ManualClock) -> None:
    assert "The calendar of Shanghai ends" not in trader.get("/live/").content.decode()
    end = sessions_of("china").known_until

    clock.set(datetime.combine(end - timedelta(days=20), time(3), UTC))

    assert f"The calendar of Shanghai ends on {end}" in trader.get("/live/").content.decode()


def test_an_inactive_market_says_so(trader: Client) -> None:
    market = Market.objects.get(key="mexico")
    market.active = False
    market.save()

    assert ">inactive</span>" in trader.get("/live/").content.decode()


def test_entries_show_what_they_are_and_lead_to_their_row_in_the_admin(trader: Client) -> None:
    entry = make_entry(since=TUESDAY - timedelta(hours=1))
    make_run(entry, TUESDAY - timedelta(minutes=1), State.MISSED, reason="deadline")

    page = trader.get("/").content.decode()

    assert entry.task is not None
    link = reverse("admin:django_celery_beat_periodictask_change", args=[entry.task.pk])
    assert f'<a href="{link}">vwap_minute</a>' in page
    assert 'missed</span> <span class="less">deadline</span>' in page
    assert 'title="2024-07-09 13:59:00 UTC">09:59 <span class="zone">EDT</span></time>' in page
    assert 'title="2024-07-09 14:01:00 UTC">10:01 <span class="zone">EDT</span></time>' in page


def test_an_entry_that_never_ran_says_so(trader: Client) -> None:
    make_entry()

    assert "never yet" in trader.get("/").content.decode()


def test_latest_runs_show_state_lateness_and_how_many_they_stand_for(trader: Client) -> None:
    entry = make_entry()
    make_run(entry)
    make_run(entry, TUESDAY - timedelta(hours=1), State.SKIPPED, reason="paused", count=120, started_at=None)

    page = trader.get("/live/").content.decode()

    assert "12 ms" in page
    assert "30 ms" in page
    assert "×120" in page
    assert "paused" in page


def test_text_from_the_database_is_escaped(trader: Client) -> None:
    make_run(make_entry(job="<script>alert(1)</script>", market=""), state=State.FAILED, reason="<b>no</b>")

    page = trader.get("/").content.decode()

    assert "<script>alert" not in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page


def test_empty_states_are_spoken(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", list)

    page = trader.get("/").content.decode()

    assert "No entries yet." in page
    assert "No runs yet." in page
    assert "No feed has published yet." in page


def test_without_markets_and_instruments_the_page_still_stands(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thor.markets.selectors.status_board", lambda at: [])
    monkeypatch.setattr("thor.marketdata.selectors.symbols", list)

    page = trader.get("/").content.decode()

    assert "No active markets." in page
    assert "No instruments yet." in page


def test_the_leader_is_named_with_its_term(trader: Client, leader: LeaderStatus) -> None:
    page = trader.get("/").content.decode()

    assert "beat-1:4711" in page
    assert "<dt>Term</dt><dd>7</dd>" in page
    assert "300 ms ago" in page


def test_it_says_when_nobody_leads(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    status = LeaderStatus("beat-1:4711", 7, None, None, False, None, "")
    monkeypatch.setattr("thor.dashboard.board.leader_status", lambda: status)

    page = trader.get("/").content.decode()

    assert "nobody leads, so nothing is being scheduled; the last was beat-1:4711, term 7" in page


@pytest.mark.parametrize(("age", "said"), [(1, "1.0 s ago"), (75, "silent for 1 min 15 s")])
def test_a_feed_shows_its_source_and_its_age(
    trader: Client, monkeypatch: pytest.MonkeyPatch, age: int, said: str
) -> None:
    status = FeedStatus("us_equities", "simulated", TUESDAY, timedelta(seconds=age), 100, 3)
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: [status])

    page = trader.get("/").content.decode()

    assert "SIMULATED" in page
    assert said in page


def test_a_feed_may_be_silent_while_its_market_is_closed(
    trader: Client, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(timedelta(days=4))
    status = FeedStatus("us_equities", "replay", TUESDAY, timedelta(hours=5), 100, 0)
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: [status])

    page = trader.get("/").content.decode()

    assert "5 h 00 min ago" in page
    assert "silent" not in page


def test_without_redis_the_rest_of_the_page_is_still_shown(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[FeedStatus]:
        raise redis.ConnectionError("Error 111 connecting to 10.1.2.3:6379")

    monkeypatch.setattr("thor.marketdata.selectors.feed_status", refuse)

    page = trader.get("/").content.decode()

    assert "Redis does not answer (ConnectionError), so the feeds are unknown." in page
    assert "10.1.2.3" not in page
    assert "New York" in page


def test_a_replay_is_labelled_and_carries_its_speed(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = ManualClock(datetime(2026, 1, 5, 9, 0, 10, tzinfo=UTC))
    replay = ReplayClock(TUESDAY, wall.now() - timedelta(seconds=10), 60, timedelta(seconds=0.5), wall)
    monkeypatch.setattr("thor.dashboard.now.process_clock", lambda: replay)

    page = trader.get("/").content.decode()

    assert "REPLAY ×60" in page
    assert 'data-speed="60"' in page
    assert 'data-wall="09:00:10 UTC"' in page
    assert 'data-clock="America/New_York">10:10:00</span>' in page


def test_the_symbol_of_the_address_is_chosen(trader: Client) -> None:
    page = trader.get("/?symbol=IBM&minutes=60").content.decode()

    assert '<option value="IBM" selected>' in page
    assert '<option value="60" selected>' in page


def test_a_symbol_that_does_not_exist_is_not_chosen(trader: Client) -> None:
    page = trader.get("/?symbol=%3Cscript%3E&minutes=7").content.decode()

    assert '<option value="240" selected>' in page
    assert "%3Cscript%3E" not in page
    assert "<script>" not in page


def test_the_page_opens_with_a_symbol_that_traded_within_a_day(trader: Client) -> None:
    make_bars("AIG", 3, until=TUESDAY - timedelta(days=2))
    make_bars("QQQ", 3)

    assert '<option value="QQQ" selected>' in trader.get("/").content.decode()


@pytest.mark.django_db
def test_pages_forbid_scripts_that_are_not_files_of_ours(trader: Client) -> None:
    for address in ["/", "/live/", "/chart/SPY.json", "/nothing/here"]:
        policy = trader.get(address)["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
    assert "<script>" not in trader.get("/").content.decode()


def test_the_log_in_has_the_strict_policy_and_the_admin_its_own(trader: Client, client: Client) -> None:
    assert "script-src 'self';" in client.get("/login/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-inline';" in trader.get("/admin/")["Content-Security-Policy"]


def test_the_page_asks_the_database_a_bounded_number_of_questions(
    trader: Client, django_assert_max_num_queries: "Iterator[None]"
) -> None:
    for market in Market.objects.all():
        make_run(make_entry(market=market.key))
    trader.get("/")

    with django_assert_max_num_queries(30):  # type: ignore[operator]
        trader.get("/")


def test_a_trouble_that_was_foreseen_is_one_sentence(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from thor.leadership.clock import ReplayDiffers

    def refuse() -> ManualClock:
        raise ReplayDiffers

    monkeypatch.setattr("thor.dashboard.now.process_clock", refuse)

    answer = trader.get("/")

    assert answer.status_code == 503
    assert "Another replay is under way in this Redis." in answer.content.decode()


@pytest.mark.django_db
def test_browsers_that_ask_for_an_icon_are_led_to_it(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/dashboard/mark.svg"


def test_links_lead_to_the_admin_and_to_flower(trader: Client) -> None:
    page = trader.get("/").content.decode()

    assert '<a href="/admin/">Admin</a>' in page
    assert '<a href="http://127.0.0.1:5555/">Flower</a>' in page
