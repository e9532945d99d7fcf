"""The admin shows instruments, bars and samples; `manage.py bars` prints bars."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.integration.marketdata.conftest import utc
from thor.marketdata.catalogue import install_instruments
from thor.marketdata.models import Bar, Instrument, VwapSample

pytestmark = pytest.mark.django_db

START = utc("2026-03-02T14:30")


@pytest.fixture
def spy() -> Instrument:
    instrument = Instrument.objects.get(symbol="SPY")
    for number in range(3):
        Bar.objects.create(
            instrument=instrument,
            start_at=START + timedelta(minutes=number),
            open=Decimal(600),
            high=Decimal("601.5"),
            low=Decimal(599),
            close=Decimal(600 + number),
            volume=Decimal(1500),
            trades=12,
            vwap=Decimal("600.25") if number else None,
            ticks=12,
            source="TEST",
        )
    VwapSample.objects.create(
        instrument=instrument, minute_at=START, last_price=1, cumulative_volume=2, captured_at=START
    )
    return instrument


def test_the_instruments_in_the_box_come_back_and_keep_their_edits() -> None:
    Instrument.objects.filter(symbol="ES").update(tick_value=Decimal(99), active=False)
    Instrument.objects.filter(symbol="NQ").delete()

    assert install_instruments() == 1
    es = Instrument.objects.get(symbol="ES")
    assert (es.tick_value, es.active) == (Decimal(99), False)
    assert Instrument.objects.get(symbol="NQ").tick_value == Decimal(5)


@pytest.mark.parametrize("model", ["instrument", "bar", "vwapsample"])
def test_the_admin_lists_and_filters(admin_client: Client, spy: Instrument, model: str) -> None:
    page = admin_client.get(reverse(f"admin:marketdata_{model}_changelist"), {"q": "SPY"})

    assert page.status_code == 200
    assert b"SPY" in page.content


def test_an_instrument_can_be_edited_and_a_bar_cannot(admin_client: Client, spy: Instrument) -> None:
    assert admin_client.get(reverse("admin:marketdata_instrument_change", args=[spy.pk])).status_code == 200
    bar = Bar.objects.first()
    assert bar is not None

    assert admin_client.post(reverse("admin:marketdata_bar_change", args=[bar.pk]), {}).status_code == 403
    assert admin_client.get(reverse("admin:marketdata_bar_add")).status_code == 403


def bars(*arguments: str) -> str:
    out = io.StringIO()
    call_command("bars", "--symbol", "/spy", "--from", "2026-03-02T14:31", *arguments, stdout=out)
    return out.getvalue()


def test_bars_are_printed_as_csv_json_and_table(spy: Instrument) -> None:
    table = list(csv.DictReader(io.StringIO(bars("--to", "2026-03-02T14:33Z", "--csv"))))
    assert [(row["start_at"], row["close"], row["vwap"]) for row in table] == [
        ("2026-03-02T14:31:00+00:00", "601", "600.25"),
        ("2026-03-02T14:32:00+00:00", "602", "600.25"),
    ]

    found = json.loads(bars("--to", "2026-03-02T14:32Z", "--json"))
    assert found == [{**table[0], "trades": 12}]
    assert "601.5" in bars("--to", "2026-03-02T09:33-05:00")


def test_bars_says_where_there_are_none_and_what_it_cannot_understand(spy: Instrument) -> None:
    with pytest.raises(SystemExit) as ended:
        bars("--to", "2026-03-02T14:31:01Z", "--from", "2026-03-02T14:31:00.5Z")
    assert ended.value.code == 1

    for arguments, reason in (
        (("--to", "tomorrow"), "'tomorrow' is no time"),
        (("--to", "2026-03-02T14:00Z"), "--to must lie after --from"),
        (("--to", "2026-03-02T15:00Z", "--symbol", "XYZ"), "there is no instrument 'XYZ'"),
    ):
        with pytest.raises(CommandError, match=reason) as caught:
            bars(*arguments)
        assert caught.value.returncode == 2
