"""What the API says to questions that it cannot answer, and to those that only look as if."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.integration.dashboard.promised import V1, ask

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
HALF_DAY = "2026-11-27T17:30:00Z"


def test_a_plus_that_an_address_turned_into_a_blank_is_understood(client: Client) -> None:
    raw = client.get(f"{V1}/composite?at=2026-11-20T15:00:00+05:30").json()

    assert raw["at"] == "2026-11-20T09:30:00Z"
    assert raw == client.get(f"{V1}/composite?{urlencode({'at': '2026-11-20T15:00:00+05:30'})}").json()


@pytest.mark.parametrize(
    ("path", "parameters", "sentence"),
    [
        ("/composite", {"at": "noon"}, "at cannot be used: 'noon' is no instant, write 2026-11-27T17:30:00Z."),
        ("/composite", {"at": ""}, "at cannot be used: '' is no instant, write 2026-11-27T17:30:00Z."),
        ("/status", {"at": "2026-11-27T17:30:00"}, "has no offset"),
        ("/status", {"at": "2026-11-27"}, "has no offset"),
        ("/status", {"at": "9999-12-31T23:59:59.999999Z"}, "out of range, dates from 1990-01-01 to 2100-12-31"),
        ("/status", {"at": "0001-01-01T00:00:00+14:00"}, "out of range"),
        ("/status", {"at": "2026-11-27T17:30:00Z\0"}, "is no instant"),
        ("/status", {"role": "moon"}, "role cannot be used: input should be 'control' or 'venue'."),
        ("/markets", {"Role": "venue"}, "'Role' is no parameter of this address"),
        ("/markets", {"at": HALF_DAY}, "'at' is no parameter of this address"),
        ("/markets/{key}", {"at": HALF_DAY}, "'at' is no parameter of this address"),
        ("/markets/{key}/sessions", {"form": "2026-11-27"}, "'form' is no parameter of this address"),
        ("/markets/{key}/sessions", {"first": "2026-11-27"}, "'first' is no parameter of this address"),
        ("/markets/{key}/sessions", {"from": "27.11.2026"}, "from cannot be used: '27.11.2026' is no date"),
        ("/markets/{key}/sessions", {"to": "2101-01-01"}, "to cannot be used: '2101-01-01' is out of range"),
        ("/markets/{key}/sessions", {"from": "2026-11-27", "to": "2026-11-26"}, "2026-11-26 lies before 2026-11-27."),
        ("/markets/{key}/sessions", {"from": "2026-01-01", "to": "2027-01-03"}, "ask for at most 366 days at a time."),
        ("/markets/{key}/sessions", {"to": "2024-07-01"}, "2024-07-01 lies before 2024-07-09."),
    ],
)
def test_nonsense_is_refused_with_one_sentence(
    client: Client, path: str, parameters: dict[str, str], sentence: str
) -> None:
    error = ask(client, path, status=400, **parameters)["error"]

    assert sentence in error
    assert error.endswith(".")
    assert "\n" not in error


def test_the_longest_range_and_the_last_date_are_answered(client: Client) -> None:
    year = ask(client, "/markets/{key}/sessions", from_="2026-01-01", to="2027-01-02")
    last = ask(client, "/markets/{key}/sessions", from_="2100-12-31")
    before_all = ask(client, "/markets/{key}/sessions", key="mexico", from_="1990-01-01")

    assert len(year["sessions"]) == 251
    assert (last["to"], [one["date"] for one in last["sessions"]]) == ("2100-12-31", ["2100-12-31"])
    assert all(one["date"] >= "1990-01-01" for one in before_all["sessions"])


@pytest.mark.parametrize("path", ["/markets/{key}", "/markets/{key}/status", "/markets/{key}/sessions"])
@pytest.mark.parametrize("key", ["moon", "USA", "us a", "%00", "ü"])
def test_an_unknown_market_is_refused_with_the_keys_that_exist(client: Client, path: str, key: str) -> None:
    error = ask(client, path, status=404, key=key)["error"]

    assert "is no market; there are japan, china, india" in error


@pytest.mark.parametrize("address", ["/api/v1/", "/api/v1/moon", "/api/v1/markets/", "/api/v1/markets/usa/moon"])
def test_an_address_that_does_not_exist_is_told_in_the_same_shape(client: Client, address: str) -> None:
    answer = client.get(address)

    assert answer.status_code == 404
    assert answer.json() == {"error": f"There is no address {address!r}; /api/v1/openapi.json lists them."}
