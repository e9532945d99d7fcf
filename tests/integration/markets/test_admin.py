"""Markets and transitions in the admin: what is shown, what can be edited, what cannot."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from thor.markets import admin as markets_admin
from thor.markets.models import Market, Transition
from thor.markets.transitions import make_transitions

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 26, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _thanksgiving(monkeypatch):
    monkeypatch.setattr(markets_admin, "_now", lambda: NOON)


def test_the_list_shows_the_status_of_every_market_now(admin_client):
    page = admin_client.get(reverse("admin:markets_market_changelist")).content.decode()

    assert page.count('class="field-status"') == 12
    assert "holiday" in page
    assert "open Fri 27 Nov 09:30" in page
    assert "2026-12-31" in page


def test_an_edit_is_saved_and_the_key_stays(admin_client):
    market = Market.objects.get(key="usa")
    address = reverse("admin:markets_market_change", args=[market.pk])
    form = admin_client.get(address).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}

    values |= {"key": "other", "weight": "0.5", "active": ""}
    answer = admin_client.post(address, {name: value for name, value in values.items() if value is not None})

    assert answer.status_code == 302
    market.refresh_from_db()
    assert (market.key, market.active, float(market.weight)) == ("usa", False, 0.5)


def test_a_market_cannot_be_deleted(admin_client):
    market = Market.objects.get(key="usa")

    assert admin_client.post(reverse("admin:markets_market_delete", args=[market.pk])).status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("calendar", "XMOON", "'XMOON' is a calendar neither"),
        ("zone", "Mars/Olympus", "is no time zone"),
        ("post_close", timedelta(hours=-1), "less than no time"),
    ],
)
def test_nonsense_is_refused_before_anything_depends_on_it(field, value, sentence):
    market = Market.objects.get(key="usa")
    setattr(market, field, value)

    with pytest.raises(ValidationError, match=sentence):
        market.full_clean()


def test_transitions_can_be_read_and_nothing_else(admin_client):
    make_transitions(NOON - timedelta(hours=1), NOON)
    row = Transition.objects.first()

    listed = admin_client.get(reverse("admin:markets_transition_changelist"))
    shown = admin_client.get(reverse("admin:markets_transition_change", args=[row.pk]))
    added = admin_client.get(reverse("admin:markets_transition_add"))
    deleted = admin_client.post(reverse("admin:markets_transition_delete", args=[row.pk]))

    assert [answer.status_code for answer in (listed, shown, added, deleted)] == [200, 200, 403, 403]
    assert b'name="_save"' not in shown.content
