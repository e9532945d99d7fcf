"""Pushing quotes over HTTP: who may, what is taken, and what each refusal says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.test import Client

from tests.integration.dashboard.rows import TUESDAY, make_person
from thor.env import Env
from thor.marketdata import ingress, keys
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.ingress_quotes import MOST_BYTES
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.signing import REMEMBERED_FOR, sign
from thor.timing import ManualClock

KEY = "a secret of the tests, long enough"
NOW = TUESDAY.timestamp()
ADDRESS = "/api/v1/push/globex"
GOOD = {"symbol": "/ES", "last": 6010.25, "bid": 6010, "ask": 6010.5, "volume": 812345}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, clock: ManualClock, redis_client: redis.Redis) -> None:
    """Let a key be set, and the clock stand still."""
    with_key(monkeypatch, KEY)


def with_key(monkeypatch: pytest.MonkeyPatch, key: str, feed: str = "globex=push") -> None:
    settings = Env(_env_file=None, THOR_PUSH_KEY=key, THOR_FEED=feed)
    monkeypatch.setattr("thor.dashboard.api.push.env", lambda: settings)


def signed(body: bytes, *, at: str = f"{NOW:.3f}", venue: str = "globex", key: str = KEY) -> dict[str, str]:
    return {"Thor-Timestamp": at, "Thor-Signature": sign(key, at, venue, body)}


def post(document: Any = None, *, body: bytes | None = None, address: str = ADDRESS, **headers: str) -> Any:
    """Post a document, signed unless headers are given, by a browser that guards against forged forms."""
    sent = json.dumps({"quotes": [GOOD]} if document is None else document).encode() if body is None else body
    client = Client(enforce_csrf_checks=True)
    found = {name.replace("_", "-"): value for name, value in headers.items()} or signed(sent)
    return client.post(address, sent, content_type="application/json", headers=found, REMOTE_ADDR="192.0.2.7")


def pushed(client: redis.Redis) -> list[str]:
    """Return the symbols in the stream."""
    found = [ingress.batch_of([b"batch", fields[b"batch"]]) for _, fields in client.xrange(keys.push("globex"))]
    return [quote.symbol for batch in found for quote in batch.quotes]


def test_a_signed_batch_is_taken(redis_client: redis.Redis) -> None:
    answer = post()

    assert answer.status_code == 200
    (entry,) = redis_client.xrange(keys.push("globex"))
    assert answer.json() == {"accepted": 1, "refused": [], "entry": entry[0].decode()}
    assert json.loads(entry[1][b"batch"]) == {"quotes": [GOOD]}
    assert "no-store" in answer["Cache-Control"]


def test_a_bad_quote_costs_that_quote_and_the_answer_says_why(redis_client: redis.Redis) -> None:
    answer = post({"source": "EXCEL", "quotes": [GOOD, {"symbol": "NQ", "lst": 1}, {**GOOD, "symbol": "YM"}]})

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    (refused,) = answer.json()["refused"]
    assert (refused["place"], refused["symbol"]) == (1, "NQ")
    assert refused["reason"].startswith('a quote has no field "lst"; its fields are symbol, at,')
    assert pushed(redis_client) == ["/ES", "YM"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the batch is no JSON"),
        (b"\xff\xfe", "the batch is no JSON"),
        (b'{"quotes": []}', 'the list "quotes" is empty.'),
        (b'[{"symbol": "ES"}]', 'a batch is an object with a list "quotes".'),
        (b'{"quotes": [{"symbol": "ES", "last": "6"}, 7]}', "none of the 2 quotes can be used; the first:"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(body: bytes, reason: str, redis_client: redis.Redis) -> None:
    answer = post(body=body)

    assert (answer.status_code, reason in answer.json()["error"]) == (400, True), answer.json()
    assert redis_client.keys("thor:push:*") == [], "and its signature may be used for what is mended"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"quotes": [{"symbol": "ES", "last": 1, "\\ud800": 1}]}', 400),
        (b'{"quotes": [{"symbol": "\\ud800", "last": 1}, {"symbol": "ES", "last": 1}]}', 200),
        (b'{"\\ud800": 1, "quotes": []}', 400),
    ],
)
def test_a_name_that_is_no_text_is_refused_as_any_other(body: bytes, status: int) -> None:
    answer = post(body=body)

    assert answer.status_code == status, answer.content
    assert "\\ud800" in json.dumps(answer.json()).replace("\\\\", "\\")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X_Other": "header"}, "send the headers Thor-Timestamp and Thor-Signature"),
        ({"Thor_Timestamp": "yesterday", "Thor_Signature": "0" * 64}, "is seconds since 1970"),
        ({"Thor_Timestamp": "nan", "Thor_Signature": "0" * 64}, "is seconds since 1970"),
        ({"Thor_Timestamp": f"{NOW:.0f}", "Thor_Signature": "0" * 64}, "does not fit"),
        ({"Thor_Timestamp": f"{NOW:.0f}", "Thor_Signature": "ü"}, "does not fit"),
    ],
)
def test_without_a_right_signature_nothing_is_taken(
    headers: dict[str, str], reason: str, redis_client: redis.Redis
) -> None:
    answer = post(**headers)

    assert (answer.status_code, reason in answer.json()["error"]) == (401, True), answer.json()
    assert redis_client.keys("thor:push:*") == []


@pytest.mark.parametrize(
    "change",
    [
        lambda body: signed(body, key="another secret of the tests"),
        lambda body: signed(body + b" "),
        lambda body: signed(body, venue="crypto"),
        lambda body: {**signed(body), "Thor-Timestamp": f"{NOW + 1:.3f}"},
    ],
)
def test_a_signature_is_of_key_venue_body_and_time(change: Callable[[bytes], dict[str, str]]) -> None:
    body = json.dumps({"quotes": [GOOD]}).encode()

    answer = post(body=body, **{name.replace("-", "_"): value for name, value in change(body).items()})

    assert (answer.status_code, "does not fit" in answer.json()["error"]) == (401, True)


@pytest.mark.parametrize(
    ("off", "status", "reason"),
    [
        (-60, 200, ""),
        (60, 200, ""),
        (-60.5, 401, "is 61 s behind our clock; set the clock right"),
        (3600, 401, "is 3600 s ahead of our clock"),
    ],
)
def test_a_signature_is_good_for_a_minute(off: float, status: int, reason: str) -> None:
    body = json.dumps({"quotes": [GOOD]}).encode()

    answer = post(body=body, **{k.replace("-", "_"): v for k, v in signed(body, at=f"{NOW + off:.1f}").items()})

    assert answer.status_code == status
    assert reason in answer.json().get("error", "")


def test_a_signature_is_used_once(redis_client: redis.Redis) -> None:
    first, again = post(), post()
    body = json.dumps({"quotes": [GOOD]}).encode()
    headers = signed(body)
    upper = post(body=body, Thor_Timestamp=headers["Thor-Timestamp"], Thor_Signature=headers["Thor-Signature"].upper())

    assert first.status_code == 200
    for answer in (again, upper):
        assert (answer.status_code, answer["Thor-Push"]) == (401, "taken")
        assert "was taken already; sign each batch anew, and give its quotes times" in answer.json()["error"]
    assert pushed(redis_client) == ["/ES"]
    remembered = redis_client.ttl(keys.push_taken(headers["Thor-Signature"]))
    assert REMEMBERED_FOR - 30 < remembered <= REMEMBERED_FOR


def test_a_batch_with_times_is_taken_once_under_whatever_signature(redis_client: redis.Redis) -> None:
    body = json.dumps({"quotes": [{**GOOD, "at": "2026-03-02T14:30:00.250001Z"}]}).encode()
    other = body.replace(b"250001", b"250002")
    sent = [(body, NOW), (body, NOW + 30), (other, NOW + 30)]
    headers = [signed(one, at=f"{at:.3f}") for one, at in sent]

    answers = [
        post(body=one, **{name.replace("-", "_"): value for name, value in head.items()})
        for (one, _), head in zip(sent, headers, strict=True)
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 200]
    assert answers[1]["Thor-Push"] == "taken"
    (longest, _) = sorted(redis_client.ttl(name) for name in redis_client.keys("thor:push:taken:*"))
    assert 870 < longest <= 900, "as long as bars can be amended"


def test_prices_without_times_may_come_again_under_another_signature(redis_client: redis.Redis) -> None:
    body = json.dumps({"quotes": [GOOD]}).encode()

    for off in (0, 1):
        headers = signed(body, at=f"{NOW + off:.3f}")
        assert post(body=body, **{k.replace("-", "_"): v for k, v in headers.items()}).status_code == 200

    assert pushed(redis_client) == ["/ES", "/ES"]


@pytest.mark.parametrize(
    ("feed", "status"),
    [
        ("simulated", 409),
        ("alpaca", 409),
        ("crypto=push,globex=replay", 409),
        ("crypto=push", 409),
        ("push", 200),
        ("crypto=alpaca, globex=Excel", 200),
    ],
)
def test_what_nobody_would_read_is_not_taken(
    feed: str, status: int, monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> None:
    with_key(monkeypatch, KEY, feed)

    answer = post()

    assert answer.status_code == status
    assert len(pushed(redis_client)) == (status == 200)
    if status == 409:
        sentence = "No feed reads what is pushed for globex; add globex=push to THOR_FEED, and start the feed again."
        assert answer.json() == {"error": sentence}


def test_a_feed_process_that_was_told_by_its_command_line_counts(
    monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> None:
    with_key(monkeypatch, KEY, "simulated")
    seconds, _ = redis_client.time()
    publisher = Publisher(PushFeed("globex", {}), redis_client, "here", Begin("PUSH:globex"))
    publisher.turn((seconds - 5) * 10**9)
    publisher.turn((seconds - 3) * 10**9, quiet=0)

    running = post().status_code
    publisher.stop()

    assert (running, post().status_code) == (200, 409)


def test_without_a_key_everything_is_refused(monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis) -> None:
    with_key(monkeypatch, "")
    body = json.dumps({"quotes": [GOOD]}).encode()
    unkeyed = signed(body, key="")

    answer = post(body=body, **{name.replace("-", "_"): value for name, value in unkeyed.items()})

    assert answer.status_code == 401
    assert "set THOR_PUSH_KEY, here and where they are pushed from" in answer.json()["error"]
    assert redis_client.keys("thor:push:*") == []


def test_who_is_logged_in_or_on_loopback_needs_a_signature_too() -> None:
    client = Client()
    client.force_login(make_person())

    answer = client.post(ADDRESS, json.dumps({"quotes": [GOOD]}), content_type="application/json")

    assert answer.status_code == 401


def test_what_is_too_large_is_not_read() -> None:
    answer = post(body=b" " * (MOST_BYTES + 1))

    assert (answer.status_code, answer.json()) == (413, {"error": "A batch has at most 256 kB; send several."})
    assert post(body=b" " * MOST_BYTES).status_code == 400


@pytest.mark.parametrize(("venue", "reason"), [("moon", "no market"), ("usa", "is no venue")])
def test_only_venues_take_quotes(venue: str, reason: str) -> None:
    body = json.dumps({"quotes": [GOOD]}).encode()
    headers = {name.replace("-", "_"): value for name, value in signed(body, venue=venue).items()}

    answer = post(body=body, address=f"/api/v1/push/{venue}", **headers)

    assert (answer.status_code, reason in answer.json()["error"]) == (404, True), answer.json()


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options", "trace"])
def test_it_is_only_posted_to(method: str) -> None:
    answer = getattr(Client(), method)(ADDRESS)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_while_redis_is_away_the_sender_is_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr("thor.dashboard.api.push.ingress.append", away)

    assert post().status_code == 503


def test_the_document_describes_it() -> None:
    document = Client().get("/api/v1/openapi.json").json()

    operation = document["paths"]["/api/v1/push/{venue}"]["post"]
    assert operation["security"] == [{"Signed": []}]
    assert document["components"]["securitySchemes"]["Signed"]["name"] == "Thor-Signature"
    assert set(operation["responses"]) == {"200", "400", "401", "404", "409", "413", "503"}
    names = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["quotes"]["items"]
    assert {"symbol", "at", "last", "volume", "previous_close", "low_52w"} <= set(names["properties"])
    assert [one["name"] for one in operation["parameters"]] == ["venue", "Thor-Timestamp"]
