"""Overrides in the admin: what is refused with which sentence, what a row does to its market and to derived ones."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.urls import reverse

from thor.markets import admin as markets_admin
from thor.markets import store
from thor.markets.models import Market, Override
from thor.markets.selectors import coming_overrides, is_open, market_status
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable

pytestmark = pytest.mark.django_db

FRIDAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
ADD = "admin:markets_override_add"


@pytest.fixture(autouse=True)
def _noon_in_new_york(monkeypatch):
    monkeypatch.setattr(markets_admin, "_now", lambda: NOON)


def typed(**values: str) -> dict[str, str]:
    found = {"market": str(Market.objects.get(key="usa").pk), "date": "2026-11-20", "reason": "mourning"}
    return {**found, **values}


def enter(market: str = "usa", day: date = FRIDAY, **values) -> Override:
    return Override.objects.create(market=Market.objects.get(key=market), date=day, reason="mourning", **values)


def test_a_close_entered_at_noon_moves_that_day_and_says_who_entered_it(admin_client):
    assert is_open("usa", NOON + timedelta(hours=1))

    answer = admin_client.post(reverse(ADD), typed(close="13:00"))

    assert answer.status_code == 302
    row = Override.objects.get()
    assert (row.close, row.entered_by, row.entered_at) == (time(13), "admin", NOON)
    assert not is_open("usa", NOON + timedelta(hours=1))
    assert not is_open("us_equities", NOON + timedelta(hours=5))
    assert is_open("canada", NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({}, "closed", "Say that the date is closed, or give another open or close."),
        ({"closed": "on", "close": "13:00"}, "closed", "has no hours: leave open and close empty"),
        ({"close": "25:00"}, "close", "write HH:MM, for example 13:00"),
        ({"close": "one o'clock"}, "close", "write HH:MM, for example 13:00"),
        ({"open": "9.5"}, "open", "write HH:MM, for example 10:30"),
        ({"close": "13:00:30"}, "close", "is no whole minute: write 13:00"),
        ({"close": "09:00"}, "close", "would not come after the open"),
        ({"open": "14:00", "close": "10:00"}, "close", "would not come after the open"),
        ({"date": "2026-11-21", "close": "13:00"}, "close", "has no session by the calendar: give both"),
        ({"date": "2026-02-30", "closed": "on"}, "date", "write YYYY-MM-DD"),
        ({"date": "2150-01-04", "closed": "on"}, "date", "out of range"),
        ({"date": "", "closed": "on"}, "date", "required"),
        ({"closed": "on", "reason": "   "}, "reason", "required"),
        ({"closed": "on", "market": "999999"}, "market", "Select a valid choice"),
    ],
)
def test_nonsense_gets_a_sentence_beside_its_field_and_no_row(admin_client, values, field, sentence):
    answer = admin_client.post(reverse(ADD), typed(**values))

    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert sentence in errors[field][0]
    assert not Override.objects.exists()


def test_a_second_row_of_the_same_date_is_refused(admin_client):
    enter(closed=True)

    answer = admin_client.post(reverse(ADD), typed(close="13:00"))

    assert "already exists" in answer.content.decode()
    assert Override.objects.count() == 1


def test_taking_an_override_back_restores_the_calendar_and_the_very_table(admin_client):
    before = sessions_of("usa").on(FRIDAY)
    row = enter(closed=True)
    assert sessions_of("usa").on(FRIDAY) is None

    admin_client.post(reverse("admin:markets_override_delete", args=[row.pk]), {"post": "yes"})

    assert sessions_of("usa").on(FRIDAY) == before


def test_somebody_without_the_permission_is_kept_out(client):
    person = User.objects.create_user("reader", password="a long password", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_override"))
    client.force_login(person)

    assert client.get(reverse("admin:markets_override_changelist")).status_code == 200
    assert client.post(reverse(ADD), typed(closed="on")).status_code == 403


def test_the_same_table_comes_back_as_long_as_nothing_changed(monkeypatch):
    monkeypatch.setattr("thor.markets.registry.FRESH", 0.0)
    enter(close=time(13))
    first = {key: sessions_of(key) for key in ("usa", "us_equities", "japan")}

    assert {key: sessions_of(key) for key in first} == first
    Override.objects.update(close=time(12))
    assert sessions_of("usa") is not first["usa"]
    assert sessions_of("us_equities") is not first["us_equities"]
    assert sessions_of("japan") is first["japan"]


def test_a_derived_market_keeps_its_own_override():
    enter(close=time(13))
    enter("us_equities", close=time(15))

    session = sessions_of("us_equities").on(FRIDAY)

    assert session.close == datetime(2026, 11, 20, 20, tzinfo=UTC)
    assert session.open == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_a_market_with_the_source_of_globex_moves_globex():
    chicago = {"name": "Chicago", "calendar": "CMES", "zone": "America/Chicago"}
    market = Market.objects.create(key="chicago", role=Market.Role.VENUE, **chicago)
    Override.objects.create(market=market, date=FRIDAY, close=time(11), reason="outage")

    session = sessions_of("globex").on(FRIDAY)

    assert session.open == datetime(2026, 11, 19, 23, tzinfo=UTC)
    assert session.close == datetime(2026, 11, 20, 17, tzinfo=UTC)


def test_the_times_of_mexico_are_those_of_mexico_city():
    enter("mexico", close=time(12))

    assert sessions_of("mexico").on(FRIDAY).close == datetime(2026, 11, 20, 18, tzinfo=UTC)


def test_the_status_says_why_also_of_the_markets_that_follow():
    enter(close=time(13))

    found = {key: market_status(Market.objects.get(key=key), NOON) for key in ("usa", "pre_usa", "japan")}

    assert [found[key].override for key in found] == ["mourning", "mourning", ""]
    assert found["usa"].override_hours == "closes 13:00"
    assert found["usa"].next_event_at == datetime(2026, 11, 20, 18, tzinfo=UTC)


def test_a_closed_date_of_crypto_has_an_end():
    enter("crypto", closed=True)
    crypto = Market.objects.get(key="crypto")

    status = market_status(crypto, NOON)

    assert not status.is_open
    assert (status.next_event, status.next_event_at) == ("open", datetime(2026, 11, 21, tzinfo=UTC))
    assert market_status(crypto, NOON + timedelta(days=3)).next_event is None


def test_coming_overrides_begin_with_today_and_name_what_moves_with_them():
    enter(day=FRIDAY - timedelta(days=1), closed=True)
    enter(day=FRIDAY + timedelta(days=10), closed=True)
    enter(close=time(13))

    found = coming_overrides(NOON)

    assert [one.said.date for one in found] == [FRIDAY, FRIDAY + timedelta(days=10)]
    assert found[0].moves == ("Pre_USA", "US equities")


def test_the_lists_of_the_admin_show_overrides(admin_client):
    enter(close=time(13))

    markets = admin_client.get(reverse("admin:markets_market_changelist")).content.decode()
    overrides = admin_client.get(reverse("admin:markets_override_changelist")).content.decode()

    assert "today closes 13:00: mourning" in markets
    assert "closes 13:00" in overrides


def test_a_row_that_makes_no_session_leaves_the_calendar_and_is_told(caplog):
    before = sessions_of("usa").on(FRIDAY)

    enter(close=time(3))

    assert sessions_of("usa").on(FRIDAY) == before
    assert market_status(Market.objects.get(key="us_equities"), NOON).override == ""
    for key in ("usa", "us_equities"):
        assert f"thor.market.override_void: {key}: On 2026-11-20" in caplog.text


def test_an_override_of_a_calendar_that_cannot_be_read_can_be_entered(monkeypatch):
    def gone(calendar, others=()):
        raise CalendarUnavailable("gone")

    monkeypatch.setattr("thor.markets.sessions._by_calendar", {})
    monkeypatch.setattr(store, "load", gone)
    row = Override(market=Market.objects.get(key="usa"), date=FRIDAY, closed=True, reason="mourning")

    row.full_clean()

    assert not market_status(row.market, NOON).is_open


@pytest.mark.parametrize("at", [datetime(1900, 1, 2, 15, tzinfo=UTC), datetime(2101, 1, 4, 15, tzinfo=UTC)])
def test_out_of_every_table_every_market_with_bells_is_closed(at):
    assert [key for key in Market.objects.values_list("key", flat=True) if is_open(key, at)] == []


def test_a_later_close_is_taken_beside_the_later_open_that_makes_room_for_it():
    globex = Market.objects.get(key="globex")
    longer = Override(market=globex, date=date(2026, 12, 1), close=time(18), reason="outage")
    with pytest.raises(ValidationError, match="run into the session of 2026-12-02"):
        longer.full_clean()

    shorter = Override.objects.create(market=globex, date=date(2026, 12, 2), open=time(19), reason="outage")
    longer.full_clean()
    longer.save()

    shorter.open = time(17, 30)
    with pytest.raises(ValidationError, match="The hours on 2026-12-01 run into the session of 2026-12-02"):
        shorter.full_clean()
    assert sessions_of("globex").on(longer.date).close == datetime(2026, 12, 2, 0, tzinfo=UTC)
