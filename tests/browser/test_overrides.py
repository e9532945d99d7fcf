"""An override as people meet it: entered in the admin, read on the first page in every width and scheme."""

from datetime import date, time, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, screenshot
from thor.markets.models import Market, Override

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
LONG = "National day of mourning, announced by the exchange on its page of notices the evening before; orders stay put"


def test_a_close_that_was_entered_in_the_admin_is_on_the_first_page(open_page: OpenPage) -> None:
    page = open_page(path="/admin/markets/override/add/")
    page.get_by_label("Market:").select_option(label="New York")
    page.get_by_label("Date:").fill("2024-07-09")
    page.get_by_label("Close:").fill("one o'clock")
    page.get_by_label("Reason:").fill("storm")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist").first).to_contain_text("write HH:MM, for example 13:00")

    page.get_by_label("Close:").fill("13:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()

    page.goto(page.url.split("/admin")[0])
    row = page.locator("#markets tr", has=page.get_by_role("rowheader", name="New York", exact=True)).first
    expect(row).to_contain_text("override: closes 13:00")
    coming = page.get_by_role("list", name="Overrides of today and later")
    expect(coming).to_contain_text("New York closes 13:00 storm by the admin; moves Pre_USA, US equities too")


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (1600, "dark"), (360, "light")])
def test_overrides_are_legible_and_do_not_widen_the_page(open_page: OpenPage, width: int, scheme: str) -> None:
    usa = Market.objects.get(key="usa")
    Override.objects.create(market=usa, date=date(2024, 7, 9), close=time(13), reason=LONG)
    Override.objects.create(market=usa, date=date(2024, 7, 9) + timedelta(days=3), closed=True, reason=LONG)

    page = open_page(width=width, scheme=scheme)

    # The world clock fits as a whole, as it does without overrides.
    assert page.evaluate("(at => at.scrollWidth - at.clientWidth)(document.querySelector('#markets .scroll'))") == 0
    screenshot(page, f"overrides-{width}-{scheme}")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
