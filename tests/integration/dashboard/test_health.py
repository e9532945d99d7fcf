"""The address that containers and load balancers ask."""

import pytest
import redis
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

CLOSED_PORT = "redis://:a-secret@127.0.0.1:1/0"


@pytest.mark.django_db
def test_it_answers_without_a_login(client: Client) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "schema": "ok", "redis": "ok"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_it_says_when_redis_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thor.dashboard.health.redis_client", lambda: redis.Redis.from_url(CLOSED_PORT))

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "schema": "ok", "redis": "does not answer (ConnectionError)"}
    assert b"a-secret" not in answer.content


@pytest.mark.django_db
def test_it_says_when_the_database_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection to server at 10.1.2.3 failed")

    monkeypatch.setattr("thor.dashboard.health._agreed", [])
    monkeypatch.setattr(connection, "cursor", refuse)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["database"] == answer.json()["schema"] == "does not answer (OperationalError)"
    assert answer.json()["redis"] == "ok"


@pytest.mark.django_db
def test_it_says_when_the_migrations_have_not_run(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thor.dashboard.health._agreed", [])
    MigrationRecorder.Migration.objects.filter(app="jobs").delete()

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["schema"].endswith("migrations are not applied; run manage.py migrate.")
