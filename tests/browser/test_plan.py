"""The plan as a trader looks at it: a half day, a change of the clocks, on a desk and on a telephone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, screenshot
from tests.integration.dashboard.rows import TUESDAY
from thor.jobs.sync import sync_jobs

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture
def schedule(transactional_db: None) -> None:
    """Given the entries of the box."""
    sync_jobs(at=TUESDAY)


def test_a_trader_reads_a_half_day_before_it_happens(open_page: OpenPage, schedule: None) -> None:
    page = open_page()
    page.get_by_role("link", name="Plan").click()

    page.get_by_label("Date").fill("2026-11-27")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Friday 2026-11-27")
    row = (
        page.locator("#main").get_by_role("row").filter(has=page.get_by_role("rowheader", name="New York", exact=True))
    )
    expect(row).to_contain_text("early close, usually 16:00")
    expect(
        page.get_by_role("img", name="New York: pre-open 08:30 to 09:30 EST, open 09:30 to 12:45 EST")
    ).to_be_visible()


def test_the_next_day_is_one_click_away(open_page: OpenPage, schedule: None) -> None:
    page = open_page(path="/plan/?date=2026-11-27&market=usa")

    page.get_by_role("link", name="Next day").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Saturday 2026-11-28")
    expect(page.get_by_label("Market")).to_have_value("usa")
    expect(page.locator("#main")).to_contain_text("no session")


def test_a_change_of_the_clocks_is_said_in_words(open_page: OpenPage, schedule: None) -> None:
    page = open_page(path="/plan/?date=2027-03-14&market=globex")

    expect(page.locator("#main")).to_contain_text("The clocks change on this date in America/Chicago.")
    expect(page.get_by_role("row", name="intraday @ globex")).to_contain_text("25,200")
    screenshot(page, "plan-clocks")


def test_a_date_that_is_none_leaves_the_form_to_ask_again(
    open_page: OpenPage, schedule: None, complaints: list[str]
) -> None:
    page = open_page(path="/plan/?date=tomorrow")

    expect(page.get_by_role("alert")).to_contain_text("'tomorrow' is no date")
    assert page.evaluate(CONTRAST) == []
    screenshot(page, "plan-wrong")
    page.get_by_label("Date").fill("2026-12-25")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Friday 2026-12-25")
    assert [complaint for complaint in complaints if "400" not in complaint] == []
    complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_the_plan_is_legible_in_every_width_and_scheme(
    open_page: OpenPage, schedule: None, width: int, scheme: str
) -> None:
    page = open_page(width=width, height=800, scheme=scheme, path="/plan/?date=2026-11-27")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.get_by_role("img", name="CME Globex").bounding_box()
    assert drawn is not None
    assert drawn["width"] > 180
    assert page.evaluate(CONTRAST) == []
    screenshot(page, f"plan-{width}-{scheme}")
