"""The page of the desk: what it shows, who may turn the switch, and what becomes of nonsense."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from tests.integration.dashboard.rows import TUESDAY
from thor.trading.models import Desk, Event, Intent, Order, Position, Reconciliation, Refusal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def looker(db: None) -> Client:
    """Give a person who may log in, and nothing else."""
    client = Client()
    client.force_login(get_user_model().objects.create_user("looker"))
    return client


@pytest.fixture
def turner(looker: Client) -> Client:
    """Give a person who may change the desk."""
    user = get_user_model().objects.get(username="looker")
    user.user_permissions.add(Permission.objects.get(codename="change_desk"))
    return looker


def page(client: Client, status: int = 200) -> str:
    answer = client.get("/trading/")
    assert answer.status_code == status
    return answer.content.decode()


def turn(client: Client, wanted: str, reason: str, status: int = 302) -> str:
    answer = client.post("/trading/", {"wanted": wanted, "reason": reason})
    assert answer.status_code == status
    return answer.content.decode()


def test_a_log_in_is_needed(trader: Client) -> None:
    assert Client().get("/trading/").status_code == 302
    assert Client().post("/trading/", {"wanted": "halted", "reason": "x"}).status_code == 302
    assert not Desk.objects.exists()


def test_an_untouched_desk_says_what_it_waits_for(trader: Client) -> None:
    found = page(trader)

    assert "the account has not been reconciled yet" in found
    assert "Nothing is held." in found
    assert "all orders" in found


def test_what_is_held_ordered_wanted_and_refused_is_shown(trader: Client) -> None:
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
    Refusal.objects.create(run=run, at=TUESDAY, symbol="AIG", side="buy", gate="heat", reason="<b>8.1 %</b> of equity")
    Reconciliation.objects.create(
        run=run, at=TUESDAY - timedelta(minutes=5), status="SAFE_MODE", warnings=["one stale order"]
    )

    found = page(trader)

    for text in (
        "2.5",
        "no answer in time",
        "IBM",
        "200.0000",
        "mean_reversion_v1",
        "&lt;b&gt;8.1 %",
        "one stale order",
    ):
        assert text in found


def test_who_may_turns_the_switch_and_the_journal_says_who_and_why(turner: Client) -> None:
    turn(turner, "halted", "  news   at noon ")

    desk, event = Desk.objects.get(), Event.objects.get()
    assert (desk.switch, desk.reason, desk.changed_by) == ("halted", "news at noon", "looker")
    assert event.fields == {"before": "active", "now": "halted", "reason": "news at noon", "by": "looker"}
    assert "nothing but emergency exits" in page(turner)


def test_who_may_not_is_told_so_and_nothing_is_turned(looker: Client) -> None:
    assert "Only those who may change the desk" in page(looker)
    assert "You may not turn the switch" in turn(looker, "halted", "because", status=403)
    assert not Desk.objects.exists()


@pytest.mark.parametrize(
    ("wanted", "reason", "sentence"),
    [
        ("off", "because", "There is no &#x27;off&#x27;; write active, reducing, halted."),
        ("", "because", "There is no &#x27;&#x27;; write active, reducing, halted."),
        ("halted", "   ", "Say why, in up to 200 characters."),
        ("halted", "x" * 201, "Say why, in up to 200 characters."),
    ],
)
def test_nonsense_is_answered_by_one_sentence(turner: Client, wanted: str, reason: str, sentence: str) -> None:
    assert sentence in turn(turner, wanted, reason, status=400)
    assert not Desk.objects.exists()


def test_what_an_event_lists_is_counted_and_features_are_left_out(trader: Client) -> None:
    skipped = {f"S{number:03}": "it has no minutes" for number in range(400)}
    fields = {
        "skipped": skipped,
        "alerts": ["<b>drift</b>"],
        "features": {"atr": 1},
        "reason": "x" * 500,
        "nothing": "",
    }
    Event.objects.create(number=1, key="a", at=TUESDAY, kind="monitoring_alert", fields=fields)

    found = page(trader)

    assert '<span title="S000: it has no minutes; S001' in found
    assert 'skipped=<span title="' in found
    assert ">(400)</span>" in found
    assert 'alerts=<span title="&lt;b&gt;drift&lt;/b&gt;">(1)</span>' in found
    assert f">{'x' * 199}…</span>" in found
    assert "features=" not in found
    assert "nothing=" not in found
