"""What the desk may buy and sell, and how much of its day is used up: said the same on the page and by the command."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client

from tests.integration.dashboard.rows import make_person
from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from tests.integration.trading.trade_rows import make_trade
from thor.leadership.clock import live_by
from thor.timing import ManualClock
from thor.trading.allowances import lost_today
from thor.trading.models import Desk, Intent, Order, Reconciliation, Setting
from thor.trading.selectors import desk_view
from thor.trading.switch import clear_protection

#: Tuesday 2026-03-03, eleven in the morning in New York.
NOW = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


def reconciled(at: datetime, equity: str = "100000") -> None:
    Reconciliation.objects.create(run=uuid4(), at=at, status="READY", equity=Decimal(equity), positions_count=0)


@pytest.fixture
def _ready() -> None:
    """Given an account that was worth as much before the session, and is READY."""
    reconciled(NOW - 14 * HOUR)
    reconciled(NOW - HOUR / 2)


def shown() -> str:
    """Return what the page says."""
    client = Client()
    client.force_login(make_person())
    with live_by(ManualClock(NOW)):
        return client.get("/trading/").content.decode()


def said() -> list[str]:
    """Return what the command says."""
    out = StringIO()
    with live_by(ManualClock(NOW)):
        call_command("trading", stdout=out)
    return out.getvalue().splitlines()


def turn(wanted: str) -> None:
    Desk.objects.update_or_create(pk=1, defaults={"switch": wanted, "reason": "noon", "changed_by": "ana"})


def protect() -> None:
    Desk.objects.update_or_create(pk=1, defaults={"protected_because": "confidence inflation"})


@pytest.mark.usefixtures("_ready")
def test_where_nothing_stands_in_the_way_both_may_be_made() -> None:
    page = shown()

    assert page.count("<dd>may be made</dd>") == 2
    assert {"Entries:         may be ordered", "Exits:           may be ordered"} <= set(said())


BLOCKS: dict[str, tuple[Callable[[], None], dict[str, str], str, bool]] = {
    "halted": (lambda: turn("halted"), {}, "trading is halted: noon", True),
    "reducing": (lambda: turn("reducing"), {}, "trading is reducing: noon", False),
    "protected": (protect, {}, "confidence inflation", False),
    "watching": (lambda: None, {"OBSERVATION_ONLY": "on"}, "OBSERVATION_ONLY is on", True),
}


@pytest.mark.usefixtures("_ready")
@pytest.mark.parametrize("block", BLOCKS)
def test_page_and_command_name_the_same_block(pin: Pin, block: str) -> None:  # noqa: F811
    turn_on, variables, because, is_for_exits_too = BLOCKS[block]
    turn_on()
    pin(**variables)

    page, lines = shown(), said()

    exits = because if is_for_exits_too else None
    assert f"<dt>Entries</dt><dd>{because}</dd>" in page
    assert f"<dt>Exits</dt><dd>{exits or 'may be made'}</dd>" in page
    assert f"Entries:         {because}" in lines
    assert f"Exits:           {exits or 'may be ordered'}" in lines


@pytest.mark.usefixtures("_ready")
def test_settings_that_cannot_be_read_block_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from thor.trading import settings

    def broken() -> None:
        raise OperationalError

    monkeypatch.setattr(settings, "_rows", broken)

    assert "the settings cannot be read (OperationalError)" in shown()
    assert "Entries:         the settings cannot be read (OperationalError)" in said()


@pytest.mark.usefixtures("_ready")
def test_three_losses_in_a_row_block_entries_until_a_person_says_otherwise() -> None:
    for day, symbol in enumerate(("SPY", "QQQ", "IWM"), start=25):
        make_trade(symbol, "-5", ended=date(2026, 2, day))

    page, lines = shown(), said()
    clear_protection(reason="looked at all three", by="ana", at=NOW - HOUR)

    remedy = "manage.py trading unprotected --reason"
    assert f"losses in a row: 3 of 3; {remedy}" in page
    assert f"Losses in a row: 3 of 3; {remedy} '…' counts anew" in lines
    assert desk_view(NOW).why_not_buy == ""
    assert "Losses in a row: 0 of 3" in said()


@pytest.mark.usefixtures("_ready")
def test_a_days_loss_blocks_entries() -> None:
    reconciled(NOW - timedelta(minutes=1), "98000")

    assert "The day&#x27;s loss</dt><dd>2.00% of 2.00%; it ends with the next session" in shown()
    assert "Entries:         the day's loss: 2.00% of 2.00%; it ends with the next session" in said()


@pytest.mark.usefixtures("_ready")
def test_as_many_entries_as_a_day_may_have_block_more() -> None:
    Setting.objects.create(name="MAX_TRADES_PER_DAY", value="1")
    wish = Intent.objects.create(
        run=uuid4(), symbol="SPY", purpose="entry", session_date=NOW.date(), decided_at=NOW, updated_at=NOW
    )
    Order.objects.create(
        client_order_id=uuid4(), intent=wish, run=wish.run, symbol="SPY", side="buy", kind="market", quantity=1,
        purpose="entry", state="working", planned_at=NOW, updated_at=NOW,
    )  # fmt: skip

    assert "Entries today:   1 of 1; it ends with the next session" in said()
    assert "Entries today</dt><dd>1 of 1; it ends" in shown()
    assert desk_view(NOW).why_not_buy.startswith("entries today: 1 of 1")


def test_a_days_loss_is_that_since_the_last_reconciliation_before_the_session() -> None:
    for at, equity in ((NOW - 48 * HOUR, "50"), (NOW - 14 * HOUR, "100"), (NOW - HOUR, "99"), (NOW, "97")):
        reconciled(at, equity)

    assert lost_today(NOW) == Decimal("0.03")
    assert lost_today(NOW - HOUR) == Decimal("0.01")


def test_without_one_before_the_session_nobody_knows_the_days_loss() -> None:
    reconciled(NOW)

    assert lost_today(NOW) is None
