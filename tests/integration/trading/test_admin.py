"""The desk in the admin: its switch, its settings, and what was recorded."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from thor.trading.models import (
    Desk,
    Event,
    Example,
    Fill,
    Intent,
    LearnedModel,
    LearningRun,
    Order,
    Position,
    Reconciliation,
    Refusal,
    Setting,
    Trade,
)
from thor.trading.settings import BY_NAME, limits

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
SWITCH = "/admin/trading/desk/"
SETTINGS = "/admin/trading/setting/"

pytestmark = pytest.mark.django_db
#: The switch writes in a transaction of its own.
writes = pytest.mark.django_db(transaction=True)


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def address_of(name: str) -> str:
    return f"{SETTINGS}{name}/change/"


@pytest.fixture
def reader(client: Client) -> Client:
    """Return the client of somebody who may look at everything of trading, and change nothing."""
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="trading", codename__startswith="view"))
    client.force_login(user)
    return client


@writes
@pytest.mark.parametrize("wanted", ["reducing", "halted", "active"])
def test_the_switch_is_turned_by_name_and_shown_at_once(admin_client: Client, wanted: str) -> None:
    answer = admin_client.post(SWITCH, {"switch": wanted, "reason": "earnings tonight"}, follow=True)

    desk = Desk.objects.get()
    assert (desk.switch, desk.changed_by, desk.reason) == (wanted, "admin", "earnings tonight")
    shown = answer.content.decode()
    assert f"<strong>{wanted}</strong> since" in shown
    assert "by admin: earnings tonight" in shown
    assert Event.objects.get().fields["now"] == wanted
    assert LogEntry.objects.get().change_message == f"Trading is {wanted}: earnings tonight"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"switch": "halted", "reason": " "}, "Say why, for whoever looks later."),
        ({"switch": "paused", "reason": "lunch"}, "Select a valid choice. paused is not one of the available choices."),
        ({"switch": "halted", "reason": "x" * 201}, "Ensure this value has at most 200 characters"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_in_a_sentence(
    admin_client: Client, wish: dict[str, str], sentence: str
) -> None:
    answer = admin_client.post(SWITCH, wish)

    assert sentence in answer.content.decode()
    assert not Event.objects.exists()


@writes
def test_auto_protection_is_shown_and_ended(admin_client: Client) -> None:
    Desk.objects.create(pk=1, protected_because="drift of atr", protected_at=NOON)
    assert "entries are blocked since 2026-03-03 17:00:00 UTC: drift of atr" in page(admin_client, SWITCH)

    admin_client.post(SWITCH, {"lift-reason": "a split", "unprotect": "End auto-protection"})

    assert Desk.objects.get().protected_because == ""
    assert "End auto-protection" not in page(admin_client, SWITCH)


def test_the_newest_reconciliation_is_shown(admin_client: Client) -> None:
    Reconciliation.objects.create(run=uuid4(), at=NOON, status="SAFE_MODE", warnings=["buying power is 0"])

    shown = page(admin_client, SWITCH)

    assert "SAFE_MODE at 2026-03-03 17:00:00 UTC<br>buying power is 0" in shown


def test_who_may_only_look_turns_nothing(reader: Client) -> None:
    assert "Turn the switch" not in page(reader, SWITCH)

    assert reader.post(SWITCH, {"switch": "halted", "reason": "for fun"}).status_code == 403
    assert reader.post(SWITCH, {"lift-reason": "x", "unprotect": "1"}).status_code == 403
    assert reader.post(address_of("RISK_PER_TRADE"), {"value": "0.02"}).status_code == 403
    assert not Desk.objects.exists()
    assert not Setting.objects.exists()


def test_who_may_not_even_look_sees_nothing(client: Client) -> None:
    client.force_login(User.objects.create_user("otto", is_staff=True))

    assert client.get(SWITCH).status_code == 403
    assert client.get(SETTINGS).status_code == 403


def test_the_address_of_the_row_leads_to_the_page(admin_client: Client) -> None:
    answer = admin_client.get(f"{SWITCH}1/change/", follow=True)

    assert answer.request["PATH_INFO"] == SWITCH


def test_all_settings_are_listed_with_value_and_source(admin_client: Client, pin: Pin) -> None:  # noqa: F811
    Setting.objects.create(name="MAX_TRADES_PER_DAY", value="7")
    Setting.objects.create(name="DAILY_LOSS_LIMIT", value="-1")
    pin(RISK_PER_TRADE="0.002")

    shown = " ".join(page(admin_client, SETTINGS).split())

    assert all(name in shown for name in BY_NAME)
    assert "<td>7</td> <td>admin</td> <td>4</td> <td>≥ 1, ≤ 1000</td>" in shown
    assert "<td>0.002</td> <td>environment, RISK_PER_TRADE=0.002</td>" in shown
    assert "DAILY_LOSS_LIMIT=&#x27;-1&#x27; cannot be used" in shown


def test_a_setting_is_set_and_taken_back(admin_client: Client) -> None:
    assert 'value="0.01"' in page(admin_client, address_of("RISK_PER_TRADE"))

    admin_client.post(address_of("RISK_PER_TRADE"), {"value": " 0.005 "})
    assert limits().risk_per_trade == Decimal("0.005")
    assert 'value="0.005"' in page(admin_client, address_of("RISK_PER_TRADE"))

    admin_client.post(f"{SETTINGS}RISK_PER_TRADE/delete/", {"post": "yes"})
    assert limits().risk_per_trade == Decimal("0.01")
    assert [one.object_id for one in LogEntry.objects.all()] == ["RISK_PER_TRADE", "RISK_PER_TRADE"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RISK_PER_TRADE", "0.5", "input should be less than or equal to 0.2 (allowed: &gt; 0, ≤ 0.2)."),
        ("OBSERVATION_ONLY", "perhaps", "input should be a valid boolean"),
        ("MIN_HISTORY_DAYS", "253", "MIN_HISTORY_DAYS=253 is above LOOKBACK_DAYS=252"),
        ("THOR_STRATEGIES", "astrology_v1", "there is no strategy astrology_v1"),
        ("CONFIDENCE_MULTIPLIERS", "1,1", "write five numbers from 0 to 2"),
        ("MAX_TRADES_PER_DAY", "", "This field is required."),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_a_sentence(
    admin_client: Client, name: str, value: str, sentence: str
) -> None:
    answer = admin_client.post(address_of(name), {"value": value})

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Setting.objects.exists()


def test_a_pinned_setting_is_shown_with_its_variable_and_not_changed(admin_client: Client, pin: Pin) -> None:  # noqa: F811
    Setting.objects.create(name="RISK_PER_TRADE", value="0.005")
    pin(RISK_PER_TRADE="0.002")

    shown = page(admin_client, address_of("RISK_PER_TRADE"))

    assert "the environment sets RISK_PER_TRADE=0.002; unset it there to set it here" in shown
    assert 'name="value"' not in shown
    assert admin_client.post(address_of("RISK_PER_TRADE"), {"value": "0.1"}).status_code == 403
    assert Setting.objects.get().value == "0.005"


def test_only_settings_that_exist_have_a_page(admin_client: Client) -> None:
    assert admin_client.get(address_of("LUCKY_NUMBER"), follow=True).redirect_chain != []
    assert admin_client.get(f"{SETTINGS}add/").status_code == 403
    assert admin_client.get(f"{SETTINGS}RISK_PER_TRADE/delete/").status_code == 403  # nobody has set it


@pytest.fixture
def rows() -> dict[str, Any]:
    """Return one row of everything that is recorded."""
    run = uuid4()
    intent = Intent.objects.create(
        **{"run": run, "symbol": "SPY", "purpose": "entry", "strategy_id": "trend_pullback_v1", "updated_at": NOON},
        **{"session_date": date(2026, 3, 3), "decided_at": NOON},
    )
    order = Order.objects.create(
        **{"client_order_id": "order-1", "intent": intent, "run": run, "symbol": "SPY", "side": "buy"},
        **{"kind": "market", "quantity": 3, "purpose": "entry", "state": "filled", "filled_quantity": 3},
        **{"filled_value": 300, "planned_at": NOON, "updated_at": NOON},
    )
    position = Position.objects.create(
        **{"symbol": "SPY", "entry_date": date(2026, 3, 3), "opened_at": NOON, "closed_at": NOON, "bought": 3},
        **{"cost": 300, "sold": 3, "proceeds": 330, "entry_order_id": "order-1", "last_bought_at": NOON},
    )
    trade = Trade.objects.create(
        **{"trade_id": uuid4(), "position": position, "symbol": "SPY", "entry_order_id": "order-1"},
        **{"entry_timestamp": NOON, "entry_price": 100, "entry_quantity": 3, "exit_timestamp": NOON},
        **{"exit_price": 110, "exit_quantity": 3, "exit_type": "SWING_EXIT", "holding_days": 0, "gross_pnl": 30},
        **{"gross_pnl_pct": 10, "net_pnl": 30, "net_pnl_pct": 10, "position_size": 300},
        **{"session_date": date(2026, 3, 3)},
    )
    return {
        "intent": intent,
        "order": order,
        "fill": Fill.objects.create(order=order, quantity=3, cumulative=3, price=100, at=NOON),
        "position": position,
        "trade": trade,
        "event": Event.objects.create(number=1, key="k", at=NOON, kind="order_filled", symbol="SPY"),
        "reconciliation": Reconciliation.objects.create(run=run, at=NOON, status="READY"),
        "refusal": Refusal.objects.create(run=run, at=NOON, symbol="SPY", side="buy", gate="heat", reason="too hot"),
        "example": Example.objects.create(
            **{"trade": trade, "symbol": "SPY", "decision_timestamp": NOON, "position_size": 300},
            **{"entry_price": 100, "exit_price": 110, "exit_timestamp": NOON, "holding_days": 0},
            **{"realized_pnl_pct": 10.0, "mae_pct": 0.0, "mfe_pct": 10.0},
        ),
        "learnedmodel": LearnedModel.objects.create(name="20260303_170000", trained_at=NOON, content={}),
        "learningrun": LearningRun.objects.create(run=run, at=NOON, outcome="skipped", reason="no trades"),
    }


KINDS = (
    *("intent", "order", "fill", "position", "trade", "event", "reconciliation", "refusal", "example"),
    *("learnedmodel", "learningrun"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_recorded_is_read_and_never_written(admin_client: Client, rows: dict[str, Any], kind: str) -> None:
    model = rows[kind].__class__._meta.model_name
    one = reverse(f"admin:trading_{model}_change", args=[rows[kind].pk])

    listed = page(admin_client, reverse(f"admin:trading_{model}_changelist"))
    assert 'id="result_list"' in listed
    assert "0 selected" not in listed  # there is nothing to do with rows
    assert 'type="submit" value="Save"' not in page(admin_client, one)
    assert admin_client.get(reverse(f"admin:trading_{model}_add")).status_code == 403
    assert admin_client.post(one, {}).status_code == 403
    assert admin_client.post(reverse(f"admin:trading_{model}_delete", args=[rows[kind].pk])).status_code == 403


@pytest.mark.parametrize("kind", KINDS[:6] + KINDS[7:9])
def test_rows_are_found_by_their_symbol(admin_client: Client, rows: dict[str, Any], kind: str) -> None:
    address = reverse(f"admin:trading_{kind}_changelist")

    assert 'id="result_list"' in page(admin_client, f"{address}?q=spy")
    assert 'id="result_list"' not in page(admin_client, f"{address}?q=QQQ")


def test_rows_are_found_by_their_run(admin_client: Client, rows: dict[str, Any]) -> None:
    for kind in ("intent", "order", "reconciliation", "refusal", "learningrun"):
        address = reverse(f"admin:trading_{kind}_changelist")
        assert 'id="result_list"' in page(admin_client, f"{address}?q={rows['order'].run}"), kind


def test_positions_are_listed_by_whether_they_are_open(admin_client: Client, rows: dict[str, Any]) -> None:
    address = reverse("admin:trading_position_changelist")

    assert 'id="result_list"' in page(admin_client, f"{address}?open=no")
    assert 'id="result_list"' not in page(admin_client, f"{address}?open=yes")


def test_an_order_shows_its_fills_and_its_average_price(admin_client: Client, rows: dict[str, Any]) -> None:
    shown = page(admin_client, reverse("admin:trading_order_change", args=[rows["order"].pk]))

    assert "3 at 100" in shown
    assert "100.0000" in page(admin_client, reverse("admin:trading_order_changelist"))
