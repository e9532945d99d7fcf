"""What the API says of markets, checked against the document that it serves of itself."""

import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from django.test import Client
from openapi_spec_validator import validate

from tests.integration.dashboard.promised import V1, ask
from tests.integration.dashboard.rows import TUESDAY
from tests.integration.dashboard.test_api_marketdata import QUESTIONS
from thor.markets import registry
from thor.markets.models import Market, Override
from thor.markets.standing_readings import forget_readings
from thor.timing import ManualClock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
HALF_DAY = "2026-11-27T17:30:00Z"
EVERYTHING = (
    ("/markets", {}),
    ("/markets", {"role": "venue"}),
    ("/markets/{key}", {}),
    ("/status", {}),
    ("/status", {"at": HALF_DAY, "role": "control"}),
    ("/status", {"at": "1990-01-01T00:00:00+00:00"}),
    ("/status", {"at": "2100-12-31T23:59:59.999999-05:00"}),
    ("/markets/{key}/status", {}),
    ("/markets/{key}/status", {"at": "2026-11-20T02:45:00.000001+00:00"}),
    ("/markets/{key}/sessions", {}),
    ("/markets/{key}/sessions", {"from": "2026-12-20", "to": "2027-01-10"}),
    ("/active", {}),
    ("/active", {"role": "control", "at": "2026-11-21T12:00:00Z"}),
    ("/composite", {}),
    ("/composite", {"at": HALF_DAY}),
)


def test_the_document_is_valid_and_names_every_address(client: Client) -> None:
    document = client.get(f"{V1}/openapi.json").json()

    validate(document)
    told = {f"{V1}{path}" for path, _ in (*EVERYTHING, *QUESTIONS)} | {f"{V1}/market-opens/{{id}}"}
    assert {path for path, item in document["paths"].items() if "get" in item} == told
    operations = [operation for path in document["paths"].values() for operation in path.items()]
    posted = [operation["operationId"] for method, operation in operations if method != "get"]
    assert posted == ["push_quotes"], "all else is only read"
    operations = [(method, operation) for method, operation in operations if method == "get"]
    for _, operation in operations:
        assert operation["description"]
        assert {"200", "400", "401", "503"} <= set(operation["responses"])
        assert operation["security"] == [{"LoggedIn": []}, {"Password": []}]


@pytest.mark.parametrize("key", ["usa", "japan", "china", "globex", "crypto"])
@pytest.mark.parametrize(("path", "parameters"), EVERYTHING)
def test_every_answer_is_as_the_document_promises(
    client: Client, path: str, parameters: dict[str, str], key: str
) -> None:
    assert ask(client, path, key=key, **parameters)


def test_markets_are_listed_with_what_operators_entered(client: Client) -> None:
    found = ask(client, "/markets")

    assert [one["key"] for one in found] == list(Market.objects.values_list("key", flat=True))
    assert next(one for one in found if one["key"] == "germany") == {
        "key": "germany",
        "name": "Frankfurt",
        "role": "control",
        "calendar": "XETR",
        "zone": "Europe/Berlin",
        "weight": "0.2000",
        "currency": "EUR",
        "active": True,
        "capture": {"futures": False, "open": True, "close": True},
        "clock_source": "calendar",
        "post_close_seconds": 14400,
    }
    assert ask(client, "/markets/{key}", key="germany") in found
    assert [one["key"] for one in ask(client, "/markets", role="venue")] == ["globex", "us_equities", "crypto"]


def test_an_open_market_says_when_it_closes_and_when_the_next_session_opens(client: Client) -> None:
    found = ask(client, "/markets/{key}/status", key="usa", at=HALF_DAY)

    assert (found["phase"], found["is_open"], found["session_date"]) == ("open", True, "2026-11-27")
    assert found["at"] == {"utc": HALF_DAY, "local": "2026-11-27T12:30:00-05:00"}
    assert found["next_close"] == {"utc": "2026-11-27T18:00:00Z", "local": "2026-11-27T13:00:00-05:00"}
    assert found["next_open"] == {"utc": "2026-11-30T14:30:00Z", "local": "2026-11-30T09:30:00-05:00"}
    assert (found["next_event"], found["next_event_at"], found["seconds_to_next_event"]) == (
        "close",
        found["next_close"],
        1800,
    )
    assert found["standing"] == {
        "state": "open",
        "source": "calendar",
        "calendar_open": True,
        "disagrees": False,
        "reason": "",
    }


def test_a_market_in_its_break_is_not_open_and_resumes_next(client: Client) -> None:
    found = ask(client, "/markets/{key}/status", key="japan", at="2026-11-20T02:45:00Z")

    assert (found["phase"], found["is_open"], found["standing"]["state"]) == ("break", False, "closed")
    assert (found["next_event"], found["seconds_to_next_event"]) == ("resume", 2700)
    assert found["next_close"]["local"] == "2026-11-20T15:30:00+09:00"


def test_a_holiday_is_named_and_seconds_are_rounded_up(client: Client) -> None:
    holiday = ask(client, "/markets/{key}/status", key="usa", at="2026-11-26T15:00:00Z")
    just_before = ask(client, "/markets/{key}/status", key="usa", at="2026-11-27T14:29:59.999999Z")

    assert (holiday["holiday_today"], holiday["phase"]) == (True, "holiday")
    assert not just_before["holiday_today"]
    assert just_before["at"]["utc"] == "2026-11-27T14:29:59.999999Z"
    assert just_before["seconds_to_next_event"] == 1


def test_a_market_without_bells_has_nothing_ahead(client: Client) -> None:
    found = ask(client, "/markets/{key}/status", key="crypto")

    assert found["is_open"]
    names = ("next_open", "next_close", "next_event", "next_event_at", "seconds_to_next_event")
    assert [found[name] for name in names] == [None] * 5


def test_beyond_the_calendar_hours_are_marked_as_provisional(client: Client) -> None:
    assert ask(client, "/markets/{key}/status", key="china", at="2027-03-03T02:00:00Z")["provisional"]
    sessions = ask(client, "/markets/{key}/sessions", key="china", from_="2026-12-31", to="2027-01-04")

    assert sessions["known_until"] == "2026-12-31"
    assert [(one["date"], one["provisional"]) for one in sessions["sessions"]] == [
        ("2026-12-31", False),
        ("2027-01-01", True),
        ("2027-01-04", True),
    ]


def test_a_market_with_an_unreadable_calendar_is_unknown_and_harms_no_other(client: Client) -> None:
    Market.objects.create(key="moon", name="Moon", calendar="XMOON", zone="UTC")

    board = {one["key"]: one for one in ask(client, "/status", at=HALF_DAY)}
    assert (board["moon"]["standing"]["state"], board["moon"]["is_open"]) == ("unknown", False)
    assert "XMOON" in board["moon"]["standing"]["reason"]
    assert board["usa"]["is_open"]
    assert "XMOON" in ask(client, "/markets/{key}/sessions", status=503, key="moon")["error"]
    assert "moon" not in [one["key"] for one in ask(client, "/active", at=HALF_DAY)["markets"]]


def test_a_broker_that_does_not_answer_leaves_its_market_unknown_and_the_calendar_as_witness(client: Client) -> None:
    forget_readings()
    Market.objects.filter(key="usa").update(clock_source=Market.ClockSource.BROKER)
    registry.forget()

    found = ask(client, "/markets/{key}/status", key="usa")

    assert (found["is_open"], found["phase"]) == (False, "open")
    assert (found["standing"]["state"], found["standing"]["source"]) == ("unknown", "broker")
    assert found["standing"]["calendar_open"]
    assert "broker's clock" in found["standing"]["reason"]
    assert ask(client, "/markets/{key}", key="usa")["clock_source"] == "broker"


def test_now_is_the_clock_of_this_installation(client: Client, clock: ManualClock) -> None:
    board = {one["key"]: one for one in ask(client, "/status")}
    assert board["usa"]["at"]["local"] == "2024-07-09T10:00:00-04:00"
    assert ask(client, "/composite")["session_phase"] == "american"
    assert ask(client, "/markets/{key}/sessions")["from"] == "2024-07-09"

    clock.set(datetime(2024, 7, 10, 0, 30, tzinfo=UTC))

    assert ask(client, "/composite")["at"] == "2024-07-10T00:30:00Z"
    assert ask(client, "/markets/{key}/sessions", key="japan")["from"] == "2024-07-10"
    assert ask(client, "/markets/{key}/sessions", key="usa")["from"] == "2024-07-09"


def test_sessions_have_their_breaks_and_both_writings_of_each_instant(client: Client) -> None:
    found = ask(client, "/markets/{key}/sessions", key="japan", from_="2024-11-02", to="2024-11-05")

    assert [one["date"] for one in found["sessions"]] == ["2024-11-05"]  # the 4th was a holiday
    (session,) = found["sessions"]
    assert session["close"] == {"utc": "2024-11-05T06:30:00Z", "local": "2024-11-05T15:30:00+09:00"}
    assert [(one["start"]["local"][11:16], one["end"]["local"][11:16]) for one in session["breaks"]] == [
        ("11:30", "12:30")
    ]
    assert session["trading_seconds"] == 5.5 * 3600


def test_a_session_that_begins_on_the_eve_belongs_to_its_date(client: Client) -> None:
    found = ask(client, "/markets/{key}/sessions", key="globex", from_="2026-11-23", to="2026-11-23")

    (session,) = found["sessions"]
    assert session["date"] == "2026-11-23"
    assert session["open"]["local"] == "2026-11-22T17:00:00-06:00"


def test_an_override_moves_the_close_and_says_why(client: Client) -> None:
    usa = Market.objects.get(key="usa")
    Override.objects.create(market=usa, date=date(2026, 11, 20), close=time(13), reason="a storm")
    Override.objects.create(market=usa, date=date(2026, 11, 23), closed=True, reason="day of mourning")

    status = ask(client, "/markets/{key}/status", key="usa", at="2026-11-20T17:00:00Z")
    sessions = ask(client, "/markets/{key}/sessions", key="usa", from_="2026-11-20", to="2026-11-24")

    assert status["next_close"]["local"] == "2026-11-20T13:00:00-05:00"
    assert status["next_open"]["local"] == "2026-11-24T09:30:00-05:00"
    assert (status["override"], status["override_hours"]) == ("a storm", "closes 13:00")
    assert [one["date"] for one in sessions["sessions"]] == ["2026-11-20", "2026-11-24"]
    assert sessions["overrides"] == [
        {"date": "2026-11-20", "hours": "closes 13:00", "reason": "a storm"},
        {"date": "2026-11-23", "hours": "closed", "reason": "day of mourning"},
    ]


def test_active_markets_are_those_that_trade_by_role(client: Client) -> None:
    saturday = ask(client, "/active", at="2026-11-21T12:00:00Z")
    control = ask(client, "/active", at="2026-11-21T12:00:00Z", role="control")

    assert saturday["markets"] == [{"key": "crypto", "name": "Crypto", "role": "venue"}]
    assert (saturday["any"], control["any"], control["markets"]) == (True, False, [])


def test_the_composite_names_what_it_counts(client: Client) -> None:
    found = ask(client, "/composite", at="2026-11-26T17:00:00Z")

    assert (found["composite"], found["session_phase"]) == ("5.00", "american")
    assert [(one["key"], one["weight"]) for one in found["markets"]] == [("canada", "0.0300"), ("mexico", "0.0200")]


def test_the_market_of_the_day_is_open_at_its_own_time(client: Client) -> None:
    found = ask(client, "/markets/{key}/status", key="usa")

    assert found["is_open"]
    assert found["at"]["utc"] == TUESDAY.isoformat().replace("+00:00", "Z")


def test_the_examples_of_the_page_are_answered_as_it_says(client: Client) -> None:
    page = PAGE.read_text()
    examples = re.findall(r'curl -s "?http://127\.0\.0\.1:8000(/api/v1/[^"\s]*)', page)
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])

    statuses = {address: client.get(address).status_code for address in examples}

    refused = {"/api/v1/markets/moon": 404, "/api/v1/composite?at=noon": 400}
    assert len(statuses) >= 8
    assert statuses == {address: refused.get(address, 200) for address in examples}
    assert client.get("/api/v1/markets/usa/status?at=2026-11-27T17:30:00Z").json() == shown


def test_the_page_names_every_address_and_its_parameters(client: Client) -> None:
    rows = re.findall(r"^\| `(/api/v1/\S+)` \|([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    told = {address: set(re.findall(r"`(\w+)`", names)) for address, names in rows}

    paths = client.get(f"{V1}/openapi.json").json()["paths"]

    assert told == {
        address: {one["name"] for one in path["get"]["parameters"] if one["in"] == "query"}
        for address, path in paths.items()
        if "get" in path
    }
