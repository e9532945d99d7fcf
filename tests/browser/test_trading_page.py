"""The desk as a trader looks at it: the switch by keyboard, and no page that is wider than the window."""

from decimal import Decimal
from uuid import uuid4

import pytest
import redis
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, screenshot
from tests.browser.test_captures import CONTRAST
from tests.integration.dashboard.captured import quote
from tests.integration.dashboard.rows import TUESDAY
from thor.trading.models import Desk, Intent, Order, Position, Reconciliation


@pytest.fixture
def busy(transactional_db: None, redis_client: redis.Redis) -> None:
    """Given a position, an order of which nobody knows, and an account that was reconciled."""
    run = uuid4()
    wish = Intent.objects.create(
        run=run, symbol="SPY", purpose="entry", session_date=TUESDAY.date(), decided_at=TUESDAY, updated_at=TUESDAY
    )
    Order.objects.create(
        client_order_id=uuid4(), intent=wish, run=run, symbol="SPY", side="buy", kind="market", quantity=Decimal("2.5"),
        purpose="entry", state="unknown", reason="no answer in time", planned_at=TUESDAY, updated_at=TUESDAY,
    )  # fmt: skip
    Position.objects.create(
        symbol="IBM", strategy_id="mean_reversion_v1", entry_date=TUESDAY.date(), opened_at=TUESDAY, bought=3, cost=600,
        last_bought_at=TUESDAY, entry_order_id="x",
    )  # fmt: skip
    Reconciliation.objects.create(run=run, at=TUESDAY, status="READY", equity=100_000, buying_power=99_400)
    quote(redis_client, "IBM", last=210.0)


def test_the_switch_is_turned_with_a_reason_and_the_page_says_so(open_page: OpenPage, busy: None) -> None:
    page = open_page()
    page.get_by_role("link", name="Trading").click()
    expect(page.locator("#status")).to_contain_text("active: all orders")

    page.get_by_label("Reason").fill("news at noon")
    page.get_by_role("button", name="Halted").click()

    expect(page.locator("#status")).to_contain_text("halted: nothing but emergency exits")
    expect(page.locator("#journal")).to_contain_text("reason=news at noon")
    assert Desk.objects.get().switch == "halted"


def test_a_change_from_elsewhere_is_seen_without_a_reload(open_page: OpenPage, busy: None) -> None:
    page = open_page(path="/trading/")
    expect(page.locator("#orders")).to_contain_text("unknown")

    Order.objects.update(state="working")

    expect(page.locator("#orders")).to_contain_text("working")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_can_be_read(open_page: OpenPage, busy: None, scheme: str, width: int) -> None:
    page = open_page(width=width, scheme=scheme, path="/trading/")
    expect(page.locator("#positions")).to_contain_text("IBM")

    screenshot(page, f"trading-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(CONTRAST) == []
