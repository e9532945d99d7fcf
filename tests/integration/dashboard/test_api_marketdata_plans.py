"""How PostgreSQL looks for a page among a million rows: by an index, also for the thousandth page."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.integration.dashboard.promised import V1
from thor.marketdata.models import Instrument

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("clock", "redis_client"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the plan is PostgreSQL's"),
]
#: A date in the middle of what is generated, and one of its minutes.
DAY = date(2023, 3, 1)
NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
MILLION = """
INSERT INTO marketdata_sessioncapture (market, session_date, opens_at, captured_at, late, grading, incomplete)
SELECT m, d, d + interval '9 hours', d + interval '9 hours', false, '{}', false
FROM unnest(ARRAY['japan','china','india','germany','uk','pre_usa','usa','canada','mexico']) m,
     generate_series(timestamptz '2005-01-01', timestamptz '2024-07-09', interval '1 day') d;
INSERT INTO marketdata_capture
       (session_id, symbol, number, signal, weight, judged_on, outcome, touched, backtest)
SELECT s.id, 'S' || n, 1, 'BUY', 1, 'quotes',
       CASE WHEN s.session_date = '2024-07-09' THEN 'PENDING' WHEN n % 2 = 0 THEN 'WORKED' ELSE 'DIDNT_WORK' END,
       '', '{}'
FROM marketdata_sessioncapture s, generate_series(1, 16) n;
"""
BARS = """
INSERT INTO marketdata_bar
       (instrument_id, start_at, open, high, low, close, volume, trades, ticks, source)
SELECT i, timestamptz '2023-01-01' + m * interval '1 minute', 1, 1, 1, 1, 1, 1, 1, 'TEST'
FROM unnest(%s) i, generate_series(0, 199999) m;
"""


@pytest.fixture
def a_million_rows(db: None) -> None:
    """Given a million captured rows, and a million bars of five instruments."""
    five = list(Instrument.objects.values_list("pk", flat=True)[:5])
    with connection.cursor() as cursor:
        cursor.execute(MILLION)
        cursor.execute(BARS, [five])
        cursor.execute("ANALYZE marketdata_sessioncapture, marketdata_capture, marketdata_bar")


def plans(client: Client, address: str) -> tuple[Any, list[str]]:
    """Return an answer, and the plans of the statements that were made for it, as they ran."""
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    assert answer.status_code == 200, answer.content
    found = []
    for query in asked.captured_queries:
        if query["sql"].startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, TIMING OFF) " + query["sql"])
                found.append("\n".join(line for (line,) in cursor.fetchall()))
    return answer.json(), found


def rows_read(plan: str) -> int:
    """Return the most rows that one node of a plan gave, loops and all, with those that its filter threw away."""
    given = [int(rows) * int(loops) for rows, loops in re.findall(r"actual rows=(\d+)(?:\.\d+)? loops=(\d+)", plan)]
    thrown = [int(rows) for rows in re.findall(r"Rows Removed by \w+(?: Recheck)?: (\d+)", plan)]
    return max([*given, *thrown], default=0)


def test_no_page_reads_a_whole_table_the_first_one_as_little_as_one_in_the_middle(
    client: Client, a_million_rows: None
) -> None:
    symbol = Instrument.objects.first()
    bars = f"/bars?symbol={symbol}&from={NOON - timedelta(days=50):%FT%TZ}&to={NOON + timedelta(days=50):%FT%TZ}"
    paged = [f"{bars}&limit=5000", f"/market-opens?date={DAY:%F}&limit=50", "/market-opens?limit=1000"]
    others = [
        bars,
        "/market-opens?market=usa",
        "/market-opens?outcome=WORKED",
        "/market-opens?market=usa&outcome=DIDNT_WORK&limit=1000",
        "/market-opens/pending",
        "/market-opens/today",
        "/market-opens/latest",
        "/captured-sessions",
        "/captured-sessions?market=usa",
    ]

    for address in (f"{V1}{one}" for one in (*paged, *others)):
        look(client, address)
    for address in paged:
        second = client.get(f"{V1}{address}").json()["next"]
        look(client, client.get(second).json()["next"])


def look(client: Client, address: str) -> None:
    """Ask, and read how it was looked for: by indexes, and in few rows."""
    answer, found = plans(client, address)
    told = "\n\n".join([address, *found])
    assert answer["count"] > 0, told
    assert "Seq Scan on marketdata_bar" not in told, told
    assert "Seq Scan on marketdata_capture" not in told, told
    assert "Index" in told, told
    assert max(map(rows_read, found)) < 25_000, told
