"""What Prometheus is told."""

import base64
import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.dashboard.rows import make_entry, make_person
from thor.connections import redis_client
from thor.env import env
from thor.jobs import figures
from thor.jobs.controls import pause_entry
from thor.jobs.models import Lane, Run, State, Worker
from thor.leadership.lease import RedisLease
from thor.leadership.models import Leader
from thor.leadership.selectors import lease_key
from thor.leadership.term import raise_term
from thor.marketdata import incidents
from thor.marketdata.keys import feed as feed_key
from thor.markets.models import Market
from thor.markets.sessions import sessions_of
from thor.timing import SystemClock

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[3] / "docs" / "monitoring.md"


def families(client: Client) -> list[Metric]:
    return list(text_string_to_metric_families(client.get("/metrics").content.decode()))


def samples(client: Client) -> dict[tuple[str, ...], float]:
    found = (sample for family in families(client) for sample in family.samples)
    return {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value for sample in found}


def ran(state: str, late: float | None = None, *, ago: float = 20, **values: Any) -> Run:
    """Write a run that was due and decided `ago` seconds ago, and whose body began `late` seconds after."""
    at = SystemClock().now() - timedelta(seconds=ago)
    started_at = None if late is None else at + timedelta(seconds=late)
    base = {
        "uid": uuid.uuid4(), "entry": uuid.uuid4(), "name": "x @ y", "task": "x", "nominal_at": at, "due_at": at,
        "deadline_at": at, "decided_at": at + timedelta(milliseconds=5), "state": state, "started_at": started_at,
    }  # fmt: skip
    return Run.objects.create(**{**base, **values})


def another(row: Run) -> Run:
    """Return a copy of a run, of another entry."""
    values = {field.attname: getattr(row, field.attname) for field in Run._meta.fields if field.name != "seq"}
    return Run(**{**values, "uid": uuid.uuid4(), "entry": uuid.uuid4()})


def test_occurrences_are_counted_by_state_and_reason(client: Client) -> None:
    ran(State.SUCCEEDED, 0.01)
    ran(State.SUCCEEDED, 0.03)
    ran(State.MISSED, reason="superseded", count=7)
    ran(State.FAILED, 0.02, reason="ValueError: no symbol A")
    ran(State.FAILED, 0.02, reason="ValueError: no symbol B")

    found = samples(client)

    assert found["thor_decided_occurrences", "x", "", "succeeded"] == 2
    assert found["thor_decided_occurrences", "x", "superseded", "missed"] == 7
    assert found["thor_decided_occurrences", "x", "ValueError", "failed"] == 2


def test_lateness_is_told_of_dispatch_and_of_start(client: Client) -> None:
    for hundredths in range(1, 101):
        ran(State.SUCCEEDED, hundredths / 100)
    ran(State.MISSED, reason="superseded", due_at=SystemClock().now() - timedelta(days=2))

    found = samples(client)

    assert found["thor_start_lateness_seconds", "x", "0.5"] == pytest.approx(0.50, abs=1e-6)
    assert found["thor_start_lateness_seconds", "x", "0.9"] == pytest.approx(0.90, abs=1e-6)
    assert found["thor_start_lateness_seconds", "x", "0.99"] == pytest.approx(0.99, abs=1e-6)
    assert found["thor_dispatch_lateness_seconds", "x", "0.99"] == pytest.approx(0.005, abs=1e-6)


def test_a_run_that_was_decided_long_after_it_was_due_is_seen_to_be_late(client: Client) -> None:
    decided_at = SystemClock().now() - timedelta(seconds=2)
    ran(State.SUCCEEDED, decided_at=decided_at, due_at=decided_at - timedelta(seconds=598))

    assert samples(client)["thor_dispatch_lateness_seconds", "x", "0.5"] == pytest.approx(598)


def test_only_the_last_minute_counts_however_long_the_ledger(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIRST_STEP", 2)
    for ago in (7200, 3600, 300, 120, 90, 65):
        ran(State.SUCCEEDED, 0.01, ago=ago)
    for ago in (35, 30, 5, 4, 3, 2, 1):
        ran(State.SUCCEEDED, 0.01, ago=ago)

    assert samples(client)["thor_decided_occurrences", "x", "", "succeeded"] == 7


def test_missed_and_lost_count_when_they_end_and_not_when_they_were_due(client: Client) -> None:
    now = SystemClock().now()
    ran(State.MISSED, ago=700, reason="deadline", finished_at=now - timedelta(seconds=5))
    ran(State.MISSED, ago=700, reason="deadline", finished_at=now - timedelta(seconds=95))
    ran(State.MISSED, reason="superseded", count=3)
    ran(State.LOST, 0.01, ago=700, finished_at=now)

    found = samples(client)

    assert (found["thor_missed_occurrences",], found["thor_lost_occurrences",]) == (4, 1)


def test_the_backlog_is_told_by_queue_and_by_place(client: Client) -> None:
    ran(State.DUE)
    ran(State.DUE, queue="trading", ago=50)
    ran(State.DUE, queue="trading", ago=30, lane=Lane.HELD)
    ran(State.DUE, queue="trading", ago=90_000, lane=Lane.ASKED, reason="back-fill")
    ran(State.STARTED, 0.1, queue="trading")

    found = samples(client)

    assert found["thor_backlog_runs", "queue", "default"] == 1
    assert found["thor_backlog_runs", "queue", "trading"] == 1
    assert found["thor_backlog_runs", "ledger", "trading"] == 2
    assert 50 <= found["thor_backlog_oldest_seconds", "trading"] < 80
    assert found["thor_running_runs",] == 1


def test_the_term_is_told_and_that_nobody_leads(client: Client) -> None:
    raise_term("a", at=SystemClock().now())

    found = samples(client)

    assert found["thor_leader_term",] == 1
    assert found["thor_leader_held",] == 0
    assert ("thor_next_due_timestamp_seconds",) not in found


def test_the_table_of_the_documents_is_what_is_printed(client: Client) -> None:
    now = SystemClock().now()
    raise_term("a", at=now)
    Leader.objects.update(decided_until=now, next_due_at=now + timedelta(seconds=30))
    lease = RedisLease(redis_client(), lease_key())
    assert lease.acquire("a", env().lease_time)
    for state in (State.DUE, State.SUCCEEDED):
        ran(state, None if state == State.DUE else 0.1)
    pause_entry(make_entry(), by="test", reason="", at=now)
    Worker.objects.create(boot=uuid.uuid4(), hostname="w", started_at=now, seen_at=now)
    usa = Market.objects.get(key="usa")
    usa.clock_source = Market.ClockSource.BROKER
    usa.save()
    redis_client().hset(feed_key("crypto"), mapping={"source": "TEST", "watermark": 0, "ticked": 0})
    incidents.report("crypto", "jump", "BTCUSD", at=now)

    printed = {
        (family.name, tuple(sorted(family.samples[0].labels)), family.type, bool(family.documentation))
        for family in families(client)
    }

    redis_client().delete(feed_key("crypto"))

    rows = re.findall(r"^\| `(thor_\w+)` \|([^|]*)\| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    told = {(name, tuple(sorted(re.findall(r"`(\w+)`", labels))), kind, True) for name, labels, kind in rows}
    assert printed == told
    values = samples(client)
    assert values["thor_next_due_timestamp_seconds",] == pytest.approx((now + timedelta(seconds=30)).timestamp())
    assert (values["thor_paused_entries",], values["thor_workers",]) == (1, 1)


def test_horizons_are_told_of_markets_that_have_one(client: Client) -> None:
    found = {key[1]: days for key, days in samples(client).items() if key[0] == "thor_market_horizon_days"}

    left = sessions_of("usa").known_until - SystemClock().now().astimezone(ZoneInfo("America/New_York")).date()
    assert found["usa"] == left.days
    assert "crypto" not in found


def test_a_scrape_asks_a_bounded_number_of_questions(client: Client, django_assert_max_num_queries: Any) -> None:
    for ago in range(40):
        ran(State.SUCCEEDED, 0.01, ago=ago)

    with django_assert_max_num_queries(16):
        client.get("/metrics")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the plan is PostgreSQL's")
def test_no_question_reads_the_whole_ledger(client: Client, django_assert_max_num_queries: Any) -> None:
    rows = [ran(State.SUCCEEDED, 0.01, ago=1000 + n) for n in range(3)]
    for _ in range(12):
        rows += Run.objects.bulk_create([another(row) for row in rows])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_run")

    with django_assert_max_num_queries(16) as context:
        client.get("/metrics")

    for query in context.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Seq Scan on jobs_run" not in plan, plan


def test_from_elsewhere_a_log_in_is_asked_for(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 302


@pytest.mark.parametrize("header", ["HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR"])
def test_a_proxy_on_this_machine_is_not_taken_for_its_callers(client: Client, header: str) -> None:
    assert client.get("/metrics", **{header: "203.0.113.7"}).status_code == 302


def test_behind_tls_a_name_and_its_password_are_needed_on_loopback_too(client: Client, settings: Any) -> None:
    make_person()
    settings.SECURE_SSL_REDIRECT = True
    sent = {
        password: "Basic " + base64.b64encode(f"trader:{password}".encode()).decode()
        for password in ("a guess", "a long password")
    }

    assert client.get("/metrics", secure=True).status_code == 302
    assert client.get("/metrics", secure=True, HTTP_AUTHORIZATION=sent["a guess"]).status_code == 302
    assert client.get("/metrics", secure=True, HTTP_AUTHORIZATION=sent["a long password"]).status_code == 200
