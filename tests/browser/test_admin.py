"""The operator's pages in a real browser."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, screenshot
from tests.integration.dashboard.rows import make_entry, make_run
from thor.jobs.models import Control, Entry, Run, State
from thor.leadership.models import Leader
from thor.leadership.term import raise_term
from thor.timing import SystemClock

MINUTE = timedelta(minutes=1)
ENTRIES = "/admin/jobs/entry/"


@pytest.fixture(autouse=True)
def entry(transactional_db: None) -> None:
    """Have an entry whose runs of an hour ago were missed."""
    now = SystemClock().now()
    raise_term("x", at=now)
    Leader.objects.update(decided_until=now)
    entry = make_entry(market="", since=now - timedelta(days=1))
    Entry.objects.update(window="always")
    first = (now - timedelta(hours=1)).replace(second=0, microsecond=0)
    for number in range(4):
        make_run(entry, first + number * MINUTE, State.MISSED, reason="deadline", started_at=None, finished_at=None)


def choose(page: Page, action: str) -> None:
    page.locator("input.action-select").first.check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Run", exact=False).or_(page.get_by_role("button", name="Go")).first.click()


@pytest.mark.parametrize("width", [1400, 420])
def test_a_pause_asks_why_and_is_shown(open_page: OpenPage, width: int) -> None:
    page = open_page(width=width, path=ENTRIES)

    choose(page, "Pause selected …")
    expect(page.get_by_role("heading", name="Pause")).to_be_visible()
    screenshot(page, f"admin-pause-{width}")
    page.get_by_label("Reason").fill("feed under repair")
    page.get_by_role("button", name="Pause").click()

    expect(page.locator(".messagelist .success")).to_contain_text("paused: feed under repair")
    screenshot(page, f"admin-paused-{width}")
    assert Control.objects.get().reason == "feed under repair"


def test_a_back_fill_proposes_the_stretch_of_the_runs_and_says_what_it_did(open_page: OpenPage) -> None:
    page = open_page(path="/admin/jobs/run/")
    page.locator("#action-toggle").check()

    choose(page, "Back-fill a range of selected …")
    screenshot(page, "admin-back-fill")
    proposed = page.get_by_label("End").input_value()
    page.get_by_label("End").fill("2020-01-01T00:00:00")
    page.get_by_role("button", name="Back-fill").click()
    expect(page.locator(".errorlist")).to_contain_text("The end must come after the start.")
    screenshot(page, "admin-back-fill-refused")
    page.get_by_label("End").fill(proposed)
    page.get_by_role("button", name="Back-fill").click()

    expect(page.locator(".messagelist .success")).to_contain_text("4 slots")
    screenshot(page, "admin-back-filled")
    assert Run.objects.filter(state=State.DUE).count() == 4


def test_the_page_of_a_periodic_task_offers_no_pencil_for_a_shared_row(open_page: OpenPage) -> None:
    page = open_page(path="/admin/django_celery_beat/periodictask/")
    page.locator("#result_list tbody th a").first.click()

    expect(page.locator("#add_id_interval")).to_be_visible()
    expect(page.locator("#change_id_interval")).to_have_count(0)
    screenshot(page, "admin-periodic-task")
    page.get_by_label("Description").fill("a text")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_be_visible()
