"""Who may ask the API, how, and what is said while the database is away."""

import base64
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db import Error, InterfaceError, OperationalError, connection
from django.test import Client

from tests.integration.dashboard.rows import make_person
from thor.dashboard.api import callers
from thor.markets import registry

ELSEWHERE = {"REMOTE_ADDR": "10.0.0.9"}
MARKETS = "/api/v1/markets"
SENTENCE = (
    "Log in at /login/, or send name and password (HTTP basic); "
    "from loopback neither is needed, unless through a proxy or behind TLS."
)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    callers._right.clear()


def basic(name: str = "trader", password: str = "a long password") -> dict[str, str]:
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {text}", **ELSEWHERE}


def away() -> Any:
    raise OperationalError("connection to server at 10.1.2.3 failed")


@pytest.mark.django_db
@pytest.mark.parametrize("address", [MARKETS, "/api/v1/openapi.json", "/api/v1/status", "/api/v1/moon"])
def test_a_stranger_gets_a_sentence_and_no_page_to_log_in(client: Client, address: str) -> None:
    answer = client.get(address, **ELSEWHERE)

    assert answer.status_code == 401
    assert answer.json() == {"error": SENTENCE}
    assert answer["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.django_db
@pytest.mark.parametrize("forged", [{"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_HOST": "localhost"}])
def test_loopback_is_where_the_connection_comes_from_and_nothing_else(client: Client, forged: dict[str, str]) -> None:
    assert client.get(MARKETS, **ELSEWHERE, **forged).status_code == 401
    assert client.get(MARKETS).status_code == client.get(MARKETS, REMOTE_ADDR="::1").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR"])
@pytest.mark.parametrize("value", ["for=203.0.113.7", "127.0.0.1", ""])
def test_a_proxy_on_this_machine_is_not_taken_for_its_callers(client: Client, header: str, value: str) -> None:
    make_person()

    assert client.get(MARKETS, **{header: value}).status_code == 401
    assert client.get(MARKETS, **basic() | {"REMOTE_ADDR": "127.0.0.1", header: value}).status_code == 200


@pytest.mark.django_db
def test_behind_tls_loopback_is_the_proxy_and_lets_nobody_in(client: Client, settings: Any) -> None:
    make_person()
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(MARKETS).status_code == 301
    assert client.get(MARKETS, secure=True).status_code == 401
    assert client.get(MARKETS, secure=True, **basic()).status_code == 200


def test_whoever_has_logged_in_may_ask_from_anywhere(trader: Client) -> None:
    assert trader.get(MARKETS, **ELSEWHERE).status_code == 200


@pytest.mark.django_db
def test_a_name_and_a_password_are_enough_and_leave_no_session(client: Client) -> None:
    make_person()

    answer = client.get(MARKETS, **basic())

    assert answer.status_code == 200
    assert not answer.cookies


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        basic(password="guess"),
        basic(name="nobody"),
        basic(name="tra\0der"),
        {"HTTP_AUTHORIZATION": "Basic ???", **ELSEWHERE},
        {"HTTP_AUTHORIZATION": "Bearer abc", **ELSEWHERE},
    ],
)
def test_wrong_ones_are_not(client: Client, wrong: dict[str, str]) -> None:
    make_person()
    assert client.get(MARKETS, **basic()).status_code == 200

    assert client.get(MARKETS, **wrong).status_code == 401


@pytest.mark.django_db
def test_a_password_is_hashed_once_and_forgotten_when_it_no_longer_holds(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make_person()
    hashed: list[str] = []
    real = callers.authenticate

    def counted(request: Any, **credentials: str) -> Any:
        hashed.append(credentials["username"])
        return real(request, **credentials)

    monkeypatch.setattr(callers, "authenticate", counted)
    assert [client.get(MARKETS, **basic()).status_code for _ in range(3)] == [200] * 3
    assert len(hashed) == 1
    assert "a long password" not in repr(callers._right)

    person.set_password("another long password")
    person.save()

    assert client.get(MARKETS, **basic()).status_code == 401
    assert client.get(MARKETS, **basic(password="another long password")).status_code == 200
    User.objects.update(is_active=False)
    assert client.get(MARKETS, **basic(password="another long password")).status_code == 401


@pytest.mark.django_db
def test_a_process_remembers_a_bounded_number_of_passwords() -> None:
    for number in range(3 * callers.REMEMBERED):
        callers._remember(str(number), "x")

    assert 0 < len(callers._right) <= callers.REMEMBERED


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("address", [MARKETS, "/api/v1/markets/usa/status", "/api/v1/openapi.json", "/api/v1/moon"])
def test_it_is_only_read(method: str, address: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(address)

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"error": f"{method.upper()} is not allowed; the API is only read, with GET or HEAD."}


@pytest.mark.django_db
def test_head_is_get_without_a_body(client: Client) -> None:
    answer = client.head("/api/v1/markets/usa")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Type"] == client.get("/api/v1/markets/usa")["Content-Type"]
    assert client.head("/api/v1/markets/moon").status_code == 404


@pytest.mark.django_db
def test_answers_are_of_the_moment_and_guarded_as_pages_are(client: Client) -> None:
    answer = client.get(MARKETS)

    assert "no-store" in answer["Cache-Control"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.django_db
def test_while_the_database_is_away_markets_that_were_read_are_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get("/api/v1/markets/usa/status?at=2026-11-27T17:30:00Z").json()
    registry.forget()
    monkeypatch.setattr(connection, "cursor", away)

    answer = client.get("/api/v1/markets/usa/status?at=2026-11-27T17:30:00Z")

    assert (answer.status_code, answer.json()) == (200, before)


@pytest.mark.django_db
def test_who_cannot_be_recognised_while_the_database_is_away_is_told_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(make_person())
    client.get(MARKETS)
    monkeypatch.setattr(connection, "cursor", away)

    answers = [client.get(MARKETS, **ELSEWHERE), Client().get(MARKETS, **basic())]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json() == {"error": "The database does not answer (OperationalError); try again."}
    assert client.get(MARKETS).status_code == 200, "on loopback nobody is asked who it is"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_markets_that_cannot_be_read_at_all_are_a_503(
    client: Client, monkeypatch: pytest.MonkeyPatch, kind: type[Error]
) -> None:
    def gone() -> Any:
        raise kind("connection to server at 10.1.2.3 is closed")

    monkeypatch.setattr(registry, "markets", gone)

    answer = client.get("/api/v1/status")

    assert answer.status_code == 503
    assert answer.json() == {"error": f"The database does not answer ({kind.__name__}); try again."}
    assert b"10.1.2.3" not in answer.content


@pytest.mark.django_db
def test_a_mistake_of_ours_is_told_in_the_same_shape_and_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slip() -> Any:
        raise KeyError("a detail of the inside")

    monkeypatch.setattr(registry, "markets", slip)

    answer = client.get("/api/v1/status")

    assert answer.status_code == 500
    assert answer.json() == {"error": "Thor made a mistake; the log of the web process says which."}
    assert "thor.api.broken: /api/v1/status" in caplog.text
    assert "a detail of the inside" in caplog.text


@pytest.mark.django_db
def test_the_status_of_all_markets_is_answered_without_a_query(
    client: Client, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "FRESH", 600.0)  # seconds: longer than this test takes on any machine
    registry.forget()
    client.get("/api/v1/status")

    with django_assert_num_queries(0):
        assert client.get("/api/v1/status").status_code == 200

    registry.forget()


def test_the_page_for_people_asks_for_a_log_in_and_needs_no_other_host(trader: Client) -> None:
    assert Client().get("/api/v1/docs").status_code == 302
    answer = trader.get("/api/v1/docs")
    page = answer.content.decode()

    assert "script-src 'self';" in answer["Content-Security-Policy"]
    files = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(files) >= 3
    for file in files:
        assert file.startswith("/static/"), file
        assert finders.find(file.removeprefix("/static/")), file
    inline = re.findall(r"<script(?![^>]*src=)([^>]*)>", page)
    assert all("application/json" in attributes for attributes in inline)
    assert '"/api/v1/openapi.json"' in page
