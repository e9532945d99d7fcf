"""The admin of market data: instruments are entered with care, and what was recorded is only shown."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.integration.dashboard.captured import OPEN, TODAY, capture_day, day, extreme, incident
from tests.integration.dashboard.rows import make_bars
from thor.marketdata import selectors
from thor.marketdata.models import (
    Backtest,
    Bar,
    DailyBar,
    FeedIncident,
    Instrument,
    NewExtreme,
    SessionCapture,
    Split,
    Target,
    TwentyFourHour,
    VwapSample,
)

pytestmark = pytest.mark.django_db
ADD = "admin:marketdata_instrument_add"
RECORDED = [
    "bar", "vwapsample", "dailybar", "extreme", "newextreme", "twentyfourhour",
    "backtest", "feedincident", "sessioncapture", "capture",
]  # fmt: skip
NO_INLINES = {
    **{f"target-{name}": value for name, value in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))},
    **{f"splits-{name}": value for name, value in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))},
}


def entered(**more: str) -> dict[str, str]:
    """Return what a person sends to add an instrument."""
    usual = {
        "symbol": "MSFT", "name": "Microsoft", "venue": "us_equities", "kind": "equity", "currency": "USD",
        "aliases": "", "active": "on", "sampled": "on", "sort_order": "100", "tick_size": "0.01", "decimals": "2",
    }  # fmt: skip
    return {**usual, **NO_INLINES, **more}


def complaint(client: Client, address: str, **sent: str) -> str:
    """Return the one complaint about a form."""
    page = client.post(address, entered(**sent))
    assert page.status_code == 200
    errors = page.context["adminform"].form.errors
    (sentences,) = errors.values()
    (sentence,) = sentences
    return str(sentence)


def everything() -> None:
    """Have three rows of everything that is recorded."""
    for number, symbol in enumerate(("ES", "YM", "GC")):
        instrument = Instrument.objects.get(symbol=symbol)
        date = TODAY - timedelta(days=number)
        make_bars(symbol, 3)
        VwapSample.objects.create(
            instrument=instrument, minute_at=OPEN, last_price=1, cumulative_volume=2, captured_at=OPEN
        )
        DailyBar.objects.create(
            instrument=instrument, date=date, open=1, high=1, low=1, close=1, volume=1, origin="rolled"
        )
        extreme(symbol)
        NewExtreme.objects.create(instrument=instrument, kind="high_52w", date=date, before=1, price=2)
        day(symbol)
        figures = {"buy_worked": 2, "buy_didnt_work": 1, "hold": 4}
        Backtest.objects.create(market="usa", session_date=date, symbol=symbol, as_of=OPEN, figures=figures)
        incident(symbol=symbol)
        capture_day(day=date, opens_at=OPEN - timedelta(days=number))


def test_an_instrument_is_added_with_target_and_split_under_its_one_spelling(admin_client: Client) -> None:
    sent = entered(
        symbol=" /mes ", name="Micro S&P", venue="globex", kind="future", aliases="/Mes1, micro es", captured="on",
        **{"threshold": "1", "strong_threshold": "6", "signal_weight": "2"},
        **{"target-TOTAL_FORMS": "1", "target-0-mode": "points", "target-0-high": "25", "target-0-low": "20"},
        **{"splits-TOTAL_FORMS": "1", "splits-0-date": "2024-06-10", "splits-0-ratio": "10"},
    )  # fmt: skip

    page = admin_client.post(reverse(ADD), sent, follow=True)

    assert "The feed of globex takes this in when it is started again." in page.content.decode()
    row = Instrument.objects.get(symbol="MES")
    assert (row.aliases, row.captured, row.venue) == (["MES1", "MICROES"], True, "globex")
    assert Target.objects.get(instrument=row).high == Decimal(25)
    assert Split.objects.get(instrument=row).ratio == Decimal(10)
    assert selectors.find_instrument("micro es") == row


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"symbol": "es"}, "ES, which is there already; change that instrument instead."),
        ({"symbol": "rt"}, "'rt' is another spelling of RTY, which is there already"),
        ({"symbol": "$DXY"}, "'$DXY' is another spelling of DX, which is there already"),
        ({"symbol": "Gold"}, "GOLD is another spelling of GC; take it out there, or choose another symbol."),
        ({"symbol": "total"}, "TOTAL is the composite of all instruments; choose another symbol."),
        ({"symbol": "A,B"}, "is no symbol: write up to 32 letters, digits and signs, without commas."),
        ({"symbol": "/"}, "'/' is no symbol"),
        ({"aliases": "es"}, "ES is an instrument of its own; leave it out here."),
        ({"aliases": "MS, Total"}, "TOTAL is the composite of all instruments; leave it out here."),
        ({"aliases": "MS, T-Bond"}, "T-BOND is another spelling of ZB already; leave it out here"),
        ({"aliases": "gold"}, "GOLD is another spelling of GC already"),
        ({"venue": "usa"}, "Select a valid choice. usa is not one of the available choices."),
        ({"tick_size": "0"}, "Write a number greater than zero."),
        ({"decimals": "9"}, "Write 0 to 8: prices are kept with 8 decimals."),
        ({"threshold": "-1", "strong_threshold": "1"}, "Write zero or more"),
        ({"threshold": "5"}, "Write both thresholds, or none for an instrument without signals."),
        ({"threshold": "5", "strong_threshold": "4"}, "A strong signal needs at least as many points as a plain one."),
    ],
)
def test_what_would_lead_prices_astray_is_refused_with_a_sentence(
    admin_client: Client, sent: dict[str, str], sentence: str
) -> None:
    Instrument.objects.filter(symbol="GC").update(aliases=["gold"])

    assert sentence in complaint(admin_client, reverse(ADD), **sent)
    assert not Instrument.objects.filter(symbol="MSFT").exists()


def test_an_instrument_keeps_its_symbol_and_its_own_spellings(admin_client: Client) -> None:
    row = Instrument.objects.get(symbol="RTY")
    address = reverse("admin:marketdata_instrument_change", args=[row.pk])
    target = {
        "target-TOTAL_FORMS": "1", "target-INITIAL_FORMS": "1", "target-0-instrument": str(row.pk),
        "target-0-mode": "percent", "target-0-high": "0.75", "target-0-low": "0.5",
    }  # fmt: skip

    page = admin_client.post(address, entered(symbol="ES", venue="globex", kind="future", aliases="rt, rty", **target))

    assert page.status_code == 302, page.context["errors"]
    row.refresh_from_db()
    assert (row.symbol, row.aliases, row.name) == ("RTY", ["RT"], "Microsoft")
    assert row.target.high == Decimal("0.75")
    assert "RT" in admin_client.get(address).content.decode()


def test_an_offset_that_makes_no_target_is_refused(admin_client: Client) -> None:
    sent = entered(**{"target-TOTAL_FORMS": "1", "target-0-mode": "percent", "target-0-high": "1", "target-0-low": "0"})

    page = admin_client.post(reverse(ADD), sent).content.decode()

    assert "An offset must be greater than zero; choose none to have no targets." in page


@pytest.mark.parametrize("ratio", ["1", "1.000"])
def test_a_ratio_that_splits_nothing_is_refused(admin_client: Client, ratio: str) -> None:
    sent = entered(**{"splits-TOTAL_FORMS": "1", "splits-0-date": "2024-06-10", "splits-0-ratio": ratio})

    page = admin_client.post(reverse(ADD), sent).content.decode()

    assert "A ratio of 1 is no split: write 7 for seven new shares an old one, 0.1 for one to ten." in page
    assert not Instrument.objects.filter(symbol="MSFT").exists()


def test_flags_are_changed_in_the_list_also_of_a_row_with_an_odd_spelling(admin_client: Client) -> None:
    Instrument.objects.filter(symbol="ES").update(aliases=["YM"])
    address = f"{reverse('admin:marketdata_instrument_changelist')}?q=ES"
    form = admin_client.get(address).context["cl"].formset
    sent = {"form-TOTAL_FORMS": str(len(form.forms)), "form-INITIAL_FORMS": str(len(form.forms)), "_save": "Save"}
    for number, one in enumerate(form.forms):
        sent |= {f"form-{number}-id": str(one.instance.pk), f"form-{number}-captured": "on"}

    assert admin_client.post(address, sent).status_code == 302
    es = Instrument.objects.get(symbol="ES")
    assert (es.captured, es.ribbon, es.active) == (True, False, False)


@pytest.mark.parametrize("model", RECORDED)
def test_what_was_recorded_is_listed_and_never_edited(admin_client: Client, model: str) -> None:
    everything()
    address = reverse(f"admin:marketdata_{model}_changelist")

    page = admin_client.get(f"{address}?q={'' if model == 'sessioncapture' else 'ES'}")

    assert page.status_code == 200
    rows = page.context["cl"].result_list
    assert len(rows) > 0
    change = reverse(f"admin:marketdata_{model}_change", args=[rows[0].pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {}).status_code == 403
    assert admin_client.get(reverse(f"admin:marketdata_{model}_add")).status_code == 403
    if model != "dailybar":
        assert admin_client.post(reverse(f"admin:marketdata_{model}_delete", args=[rows[0].pk])).status_code == 403


def test_a_day_that_was_imported_by_mistake_can_be_deleted_and_one_rolled_up_stays(admin_client: Client) -> None:
    instrument = Instrument.objects.get(symbol="ES")
    prices = {"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    mistaken, rolled = (
        DailyBar.objects.create(instrument=instrument, date=f"2026-02-2{day}", origin=origin, **prices)
        for day, origin in ((7, "imported"), (6, "rolled"))
    )

    answers = [
        admin_client.post(reverse("admin:marketdata_dailybar_delete", args=[row.pk]), {"post": "yes"}).status_code
        for row in (mistaken, rolled)
    ]

    assert answers == [302, 403]
    assert list(DailyBar.objects.filter(instrument=instrument)) == [rolled]


@pytest.mark.parametrize("model", ["instrument", *RECORDED])
def test_a_longer_list_costs_no_more_questions(admin_client: Client, model: str) -> None:
    address = f"{reverse(f'admin:marketdata_{model}_changelist')}?q={'' if model == 'sessioncapture' else 'ES'}"
    everything()
    admin_client.get(address)
    counts, lengths = [], []
    for round_ in range(2):
        with CaptureQueriesContext(connection) as asked:
            page = admin_client.get(address if model not in ("instrument", "extreme") else address.replace("ES", ""))
        counts.append(len(asked))
        lengths.append(len(page.context["cl"].result_list))
        if not round_:
            _more()

    assert lengths[1] > lengths[0]
    assert counts[0] == counts[1], asked.captured_queries


def _more() -> None:
    es = Instrument.objects.get(symbol="ES")
    Instrument.objects.create(symbol="NEW", venue="globex", kind="future")
    Target.objects.create(instrument=Instrument.objects.get(symbol="NEW"), high=1, low=1)
    extreme("NQ")
    date = TODAY - timedelta(days=20)
    session = capture_day(day=date, opens_at=OPEN - timedelta(days=20))
    figures: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close", "volume", "trades", "ticks"), 1)
    Bar.objects.create(instrument=es, start_at=OPEN - timedelta(days=9), **figures)
    VwapSample.objects.create(
        instrument=es, minute_at=session.opens_at, last_price=1, cumulative_volume=2, captured_at=OPEN
    )
    DailyBar.objects.create(instrument=es, date=date, open=1, high=1, low=1, close=1, volume=1, origin="imported")
    NewExtreme.objects.create(instrument=es, kind="low_52w", date=date, before=1, price=2)
    day("ES", date)
    Backtest.objects.create(market="usa", session_date=date, symbol="ES", as_of=OPEN, figures={})
    incident("jump", symbol="ES")


def test_bars_are_listed_of_one_instrument_at_a_time_in_any_spelling(admin_client: Client) -> None:
    everything()
    address = reverse("admin:marketdata_bar_changelist")

    def listed(query: str) -> Any:
        return admin_client.get(f"{address}{query}")

    assert len(listed("").context["cl"].result_list) == 0
    assert "Write a symbol, for example ES" in listed("").content.decode()
    assert {row.instrument.symbol for row in listed("?q=/es").context["cl"].result_list} == {"ES"}
    assert "&#x27;MOON&#x27; is no instrument" in listed("?q=MOON").content.decode()


def test_a_captured_session_shows_its_rows_and_how_they_ended(admin_client: Client) -> None:
    everything()
    session = SessionCapture.objects.get(session_date=TODAY)
    page = admin_client.get(reverse("admin:marketdata_sessioncapture_changelist"))
    shown = next(row for row in page.context["cl"].result_list if row.pk == session.pk)
    assert (shown.captured, shown.worked, shown.didnt_work, shown.pending) == (5, 1, 1, 2)

    inside = admin_client.get(reverse("admin:marketdata_sessioncapture_change", args=[session.pk])).content.decode()

    for said in ("TOTAL", "strong buy", "5652.5"):
        assert said in inside


def test_incidents_that_are_not_over_are_one_click_away(admin_client: Client) -> None:
    incident()
    FeedIncident.objects.create(venue="globex", kind="late", first_at=OPEN, last_at=OPEN, ended_at=OPEN, detail="over")
    address = reverse("admin:marketdata_feedincident_changelist")

    page = admin_client.get(f"{address}?ended_at__isempty=1")

    assert [row.kind for row in page.context["cl"].result_list] == ["silent"]
    assert TwentyFourHour.objects.count() == 0
