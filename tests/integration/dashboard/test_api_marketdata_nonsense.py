"""What the API says to questions about market data that it cannot answer."""

from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.integration.dashboard.captured import capture_day
from tests.integration.dashboard.promised import V1, ask
from tests.integration.dashboard.rows import make_bars

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "redis_client")]
SPY = {"symbol": "SPY"}


@pytest.mark.parametrize(
    ("path", "parameters", "sentence"),
    [
        ("/bars", {}, "symbol cannot be used: field required."),
        ("/bars", {"symbol": ""}, "symbol cannot be used: '' is no symbol, write for example ES."),
        ("/bars", {"symbol": "E\0S"}, "is no symbol"),
        ("/bars", {"symbol": "S" * 33}, "is no symbol"),
        ("/bars", {**SPY, "from": "yesterday"}, "from cannot be used: 'yesterday' is no instant"),
        ("/bars", {**SPY, "from": "2024-07-09T14:00:00"}, "has no offset"),
        ("/bars", {**SPY, "from": "2024-07-09T14:00:00Z"}, "2024-07-09T14:00:00Z is not before 2024-07-09T14:00:00Z."),
        ("/bars", {**SPY, "from": "2022-01-01T00:00:00Z"}, "too long, ask for at most 366 days at a time."),
        ("/bars", {**SPY, "limit": "0"}, "limit cannot be used: input should be greater than or equal to 1."),
        ("/bars", {**SPY, "limit": "5001"}, "limit cannot be used: input should be less than or equal to 5000."),
        ("/bars", {**SPY, "limit": "ten"}, "limit cannot be used: input should be a valid integer"),
        ("/bars", {**SPY, "start": "2024-07-09T14:00:00Z"}, "'start' is no parameter of this address"),
        ("/bars", {**SPY, "cursor": "moon"}, "cursor cannot be used: take it from `next`"),
        ("/bars", {**SPY, "cursor": "WyIyMDI0LTA3LTA5Il0"}, "cursor cannot be used: take it from `next`"),
        ("/bars", {**SPY, "cursor": "x" * 401}, "cursor cannot be used"),
        ("/vwap", {**SPY, "window": "0"}, "window cannot be used"),
        ("/vwap", {**SPY, "window": "1441"}, "window cannot be used"),
        ("/vwap", {**SPY, "window": "30", "from": "2024-07-09T13:00:00Z"}, "window cannot be used together with from"),
        ("/vwap", {**SPY, "from": "2024-06-01T00:00:00Z"}, "ask for at most 31 days at a time."),
        ("/market-opens", {"outcome": "worked"}, "outcome cannot be used: input should be 'PENDING', 'WORKED'"),
        ("/market-opens", {"state": "WORKED"}, "'state' is no parameter of this address"),
        ("/market-opens", {"date": "09.07.2024"}, "date cannot be used: '09.07.2024' is no date, write 2026-11-27."),
        ("/market-opens", {"market": "globex"}, "'globex' is no control market; captures are of japan, china"),
        ("/market-opens", {"limit": "1001"}, "limit cannot be used: input should be less than or equal to 1000."),
        ("/market-opens/today", {"market": "usa"}, "'market' is no parameter of this address"),
        ("/market-opens/latest", {"limit": "1"}, "'limit' is no parameter of this address"),
        ("/quotes/latest", {"venue": "usa"}, "'usa' is no venue; instruments trade on globex, us_equities, crypto."),
        ("/quotes/snapshot", {}, "symbols cannot be used: field required."),
        ("/quotes/snapshot", {"symbols": "YM,,ES"}, "symbols cannot be used: '' is no symbol"),
        ("/quotes/snapshot", {"symbols": ",".join(["ES"] * 201)}, "201 symbols are too many, ask for at most 200"),
        ("/quotes/ribbon", {"symbol": "ES"}, "'symbol' is no parameter of this address"),
        ("/instruments", {"kind": "bond"}, "kind cannot be used: input should be 'future', 'equity'"),
        ("/instruments", {"active": "perhaps"}, "active cannot be used"),
        ("/incidents", {"kind": "flood"}, "kind cannot be used: input should be 'silent', 'bad_price'"),
        ("/incidents", {"open": "maybe"}, "open cannot be used"),
    ],
)
def test_nonsense_is_refused_with_one_sentence(
    client: Client, path: str, parameters: dict[str, str], sentence: str
) -> None:
    error = ask(client, path, status=400, **parameters)["error"]

    assert sentence in error
    assert error.endswith(".")
    assert "\n" not in error


@pytest.mark.parametrize(
    ("path", "parameters", "sentence"),
    [
        ("/bars", {"symbol": "MOON"}, "'MOON' is no instrument; /api/v1/instruments and the admin list them."),
        ("/vwap", {"symbol": "ü"}, "'ü' is no instrument"),
        ("/quotes/latest", {"symbol": "MOON"}, "'MOON' is no instrument"),
        ("/quotes/snapshot", {"symbols": "ES,MOON"}, "'MOON' is no instrument"),
        ("/market-opens", {"symbol": "MOON"}, "'MOON' is no instrument"),
        ("/week52", {"symbol": "MOON"}, "'MOON' is no instrument"),
        ("/rolling-24h", {"symbol": "MOON"}, "'MOON' is no instrument"),
        ("/instruments", {"symbol": "MOON"}, "'MOON' is no instrument"),
        ("/market-opens", {"market": "moon"}, "'moon' is no market; there are japan, china"),
        ("/captured-sessions", {"market": "moon"}, "'moon' is no market"),
        ("/incidents", {"venue": "moon"}, "'moon' is no market"),
    ],
)
def test_what_does_not_exist_is_named(client: Client, path: str, parameters: dict[str, str], sentence: str) -> None:
    error = ask(client, path, status=404, **parameters)["error"]

    assert sentence in error
    assert error.endswith(".")


@pytest.mark.parametrize("path", ["/quotes/latest", "/quotes/ribbon", "/feeds"])
def test_without_redis_one_sentence_says_so_and_no_address(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def refuse(*_: Any) -> Any:
        raise redis.ConnectionError("Error 111 connecting to 10.1.2.3:6379")

    monkeypatch.setattr("thor.marketdata.selectors.quotes.redis_client", refuse)
    monkeypatch.setattr("thor.marketdata.selectors.feeds.redis_client", refuse)

    assert ask(client, path, status=503)["error"] == "Redis does not answer (ConnectionError); try again."


@pytest.mark.parametrize("path", ["/bars?symbol=SPY", "/market-opens", "/feeds", "/quotes/latest"])
def test_strangers_are_told_to_log_in(client: Client, path: str) -> None:
    assert client.get(f"{V1}{path}", REMOTE_ADDR="10.0.0.9").status_code == 401


def test_an_answer_asks_the_same_number_of_questions_whatever_it_lists(client: Client) -> None:
    asked = []
    for market in ("usa", "japan", "china"):
        capture_day(market)
        make_bars("ES" if market == "usa" else "YM" if market == "japan" else "GC", 20)
        counts = []
        for path in ("/market-opens", "/market-opens/latest", "/captured-sessions", "/market-opens/stats"):
            with CaptureQueriesContext(connection) as queries:
                client.get(f"{V1}{path}")
            counts.append(len(queries))
        asked.append(counts)

    assert asked[0] == asked[1] == asked[2]
    assert max(asked[0]) <= 6
