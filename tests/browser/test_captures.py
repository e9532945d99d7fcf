"""Captures as a trader looks at them: on a desk and on a telephone, in light and in dark."""

from datetime import timedelta
from pathlib import Path

import pytest
import redis
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, screenshot
from tests.integration.dashboard.captured import OPEN, capture_day, incident, quote
from tests.integration.dashboard.rows import TUESDAY, make_bars
from thor.marketdata.models import Capture, Instrument
from thor.marketdata.selectors import FeedStatus

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture
def captured(transactional_db: None, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given quotes of the ribbon, three captured sessions and two open incidents."""
    for place, symbol in enumerate(Instrument.objects.filter(ribbon=True).values_list("symbol", flat=True)):
        quote(redis_client, symbol, last=5620.5 + (place - 4) * 3)
    make_bars("ES", 45, until=OPEN + timedelta(minutes=15))
    capture_day()
    capture_day("japan", opens_at=OPEN - timedelta(hours=13, minutes=30))
    capture_day("pre_usa", opens_at=OPEN - timedelta(hours=1))
    incident()
    incident("bad_price", symbol="ES", count=7, detail="price -1 at 13:59:58")
    status = [
        FeedStatus("globex", "SIMULATED", TUESDAY, timedelta(seconds=42), 100, 3),
        FeedStatus("us_equities", "ALPACA", TUESDAY, timedelta(seconds=0.3), 100, 3),
    ]
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: status)


def test_a_trade_that_ends_is_seen_without_a_reload(open_page: OpenPage, captured: None) -> None:
    page = open_page()
    page.get_by_role("link", name="Captures").click()
    row = page.locator("#usa").get_by_role("row").filter(has=page.get_by_role("rowheader", name="ES", exact=True))
    expect(row).to_contain_text("pending")
    page.evaluate("window.sameDocument = true")

    Capture.objects.filter(session__market="usa", symbol="ES").update(
        outcome="WORKED", touched="TARGET", touched_at=TUESDAY, touched_price="5652.5"
    )

    expect(row).to_contain_text("worked")
    expect(row).to_contain_text("target 5,652.50 at 10:00 EDT")
    assert page.evaluate("window.sameDocument") is True


def test_the_live_page_leads_to_the_rows_of_a_market(open_page: OpenPage, captured: None) -> None:
    page = open_page()
    expect(page.locator("#ribbon")).to_contain_text("SIMULATED")
    expect(page.locator("#feeds")).to_contain_text("silent for 42.0 s")
    expect(page.locator("#feeds")).to_contain_text("price not above zero, or no number: dropped")

    page.locator("#opens").get_by_role("link", name="New York").click()

    page.wait_for_url("**/captures/#usa")
    expect(page.locator("#usa")).to_contain_text("SIMULATED")


def test_a_date_is_chosen(open_page: OpenPage, captured: None) -> None:
    page = open_page(path="/captures/")

    page.get_by_label("Date").fill("2024-07-08")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Captures at the opens: Monday 2024-07-08")
    expect(page.locator("#captured")).to_contain_text("Nothing captured on this date")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("path", ["/", "/captures/"])
def test_text_is_legible_in_every_width_and_scheme(
    open_page: OpenPage, captured: None, path: str, width: int, scheme: str
) -> None:
    page = open_page(width=width, height=900, scheme=scheme, path=path)
    if path == "/":
        page.locator("#chart-caption").filter(has_text="last").wait_for()
    expect(page.locator("#usa" if path == "/captures/" else "#opens")).to_contain_text("SIMULATED")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    screenshot(page, f"{'captures' if path == '/captures/' else 'live'}-{width}-{scheme}")
