"""The page of the plan: a date before it happens, and one sentence for what cannot be shown."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.integration.dashboard.rows import TUESDAY
from tests.unit.jobs.guessed import guessed
from thor.jobs.controls import find_entry, pause_entry
from thor.jobs.sync import sync_jobs
from thor.timing import ManualClock

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule(db: None) -> None:
    """Given the entries of the box."""
    sync_jobs(at=TUESDAY)


def page(trader: Client, query: str = "", status: int = 200) -> str:
    answer = trader.get(f"/plan/{query}")
    assert answer.status_code == status
    return answer.content.decode()


def test_a_log_in_is_needed(db: None) -> None:
    answer = Client().get("/plan/")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/")


def test_without_a_question_it_shows_today(trader: Client, schedule: None) -> None:
    found = page(trader)

    assert '<time datetime="2024-07-09">' in found
    assert "Tuesday" in found
    assert "intraday @ us_equities" in found
    assert 'class="present"' in found


def test_a_half_day_is_marked_and_counted(trader: Client, schedule: None) -> None:
    found = page(trader, "?date=2026-11-27")

    assert "early close, usually 16:00" in found
    assert "46,800" in found
    assert "New York: pre-open 08:30 to 09:30 EST, open 09:30 to 12:45 EST, closing soon 12:45 to 13:00 EST" in found
    assert 'class="present"' not in found


def test_its_neighbours_are_a_link_away_and_keep_the_question(trader: Client, schedule: None) -> None:
    found = page(trader, "?date=2026-11-27&market=usa&job=intraday")

    assert "/plan/?date=2026-11-26&amp;market=usa&amp;job=intraday" in found
    assert "/plan/?date=2026-11-28&amp;market=usa&amp;job=intraday" in found


def test_dates_of_a_market_are_its_own(trader: Client, schedule: None, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=2))  # 16:00 in London, past midnight in Tokyo

    found = page(trader, "?market=japan")

    assert '<time datetime="2024-07-10">' in found
    assert "11:30 to 12:30" in found
    assert "Tokyo: break begins" in found


def test_a_guess_is_marked_as_provisional(trader: Client, schedule: None) -> None:
    day = guessed("XSHG")

    assert "provisional" in page(trader, f"?date={day}&market=china")
    assert "provisional" not in page(trader, f"?date={day}&market=usa")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?date=2027-03-14&job=closed_bars_flush", "<td>Sat 18:00 CST to Sun 18:59 CDT</td>"),
        ("?date=2027-11-07&job=closed_bars_flush", "<td>Sat 19:00 CDT to Sun 17:59 CST</td>"),
        ("?date=2026-11-27&job=closed_bars_flush", "<td>Thu 18:00 to Fri 17:59 CST</td>"),
        ("?date=2027-03-14&market=globex", "<td>Sun 17:00 to Mon 16:00 <span"),
        ("?date=2027-03-14&market=globex", "<td>Sun 22:00 to Mon 21:00</td>"),
        ("?date=2027-03-14", "<title>closed Sat 18:00 CST to Sun 16:00 CDT</title>"),
        ("?date=2027-11-07", "<title>closed Sat 19:00 CDT to Sun 16:00 CST</title>"),
        ("?date=2026-11-25", "<title>open Tue 18:00 to Wed 15:45 CST</title>"),
    ],
)
def test_a_stretch_over_two_dates_or_a_change_of_clocks_says_so_at_both_ends(
    trader: Client, schedule: None, query: str, said: str
) -> None:
    assert said in page(trader, query)


def test_the_hour_that_comes_twice_can_be_told_apart(trader: Client, schedule: None) -> None:
    found = page(trader, "?date=2027-11-07&market=globex")

    assert "<td>00:00 CDT</td>" in found
    assert "<td>23:59 CST</td>" in found


def test_who_is_silent_says_why(trader: Client, schedule: None) -> None:
    pause_entry(find_entry("intraday @ crypto"), by="anna", reason="<b>repair</b>", at=TUESDAY)

    assert "paused by anna: &lt;b&gt;repair&lt;/b&gt;" in page(trader)


def test_a_page_that_would_be_endless_says_what_it_leaves_out(
    trader: Client, schedule: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.dashboard.plan.SHOWN", 4)

    found = page(trader, "?date=2026-11-27")

    assert "more lines are left out here: ask for one market or job" in found
    # Two heads, the sessions, and what is shown of the order; a third head, and Tokyo's minute before its open, which
    # is on the date before by this page's clock.
    assert found.count("<tr") == 2 + 12 + 4 + 2
    assert '<th scope="row">preopen_backtest @ japan</th>' in found


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?date=tomorrow", "&#x27;tomorrow&#x27; is no date; write year, month and day"),
        ("?date=0001-01-01", "is a date that no calendar covers"),
        ("?market=moon", "&#x27;moon&#x27; is no market"),
        ("?job=%3Cscript%3E", "&#x27;&lt;script&gt;&#x27; is no job and no entry"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(trader: Client, schedule: None, query: str, sentence: str) -> None:
    found = page(trader, query, status=400)

    assert sentence in found
    assert found.count('role="alert"') == 1


def test_it_carries_no_script_and_no_inline_style(trader: Client, schedule: None) -> None:
    found = page(trader, "?date=2026-11-27")

    assert "<script" not in found
    assert "style=" not in found
    assert "<style" not in found


@pytest.mark.parametrize("query", ["?date=1990-01-01", "?date=2100-12-31", "?date=2027-03-14&market=globex"])
def test_odd_dates_are_shown(trader: Client, schedule: None, query: str) -> None:
    assert "In order" in page(trader, query)


def test_the_first_page_leads_to_it(trader: Client) -> None:
    assert '<a href="/plan/">Plan</a>' in trader.get("/").content.decode()
