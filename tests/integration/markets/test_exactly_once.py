"""Two processes with two threads each ring the bells of one day: every bell rings once."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from thor.markets.phases import bells, last_bells
from thor.markets.selectors import active_tables

RING = Path(__file__).with_name("ring.py")
ROOT = Path(__file__).resolve().parents[3]
START = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def shared_database(tmp_path, transactional_db):
    """Give the address of a database that other processes reach, with the box installed."""
    if connection.vendor == "postgresql":
        values = connection.settings_dict
        place = f"{values['HOST'] or 'localhost'}:{values['PORT'] or 5432}"
        return f"postgres://{values['USER']}:{values['PASSWORD']}@{place}/{values['NAME']}"
    # A test's SQLite lives in memory, where no other process reaches it.
    address = f"sqlite:///{tmp_path}/ring.sqlite3"
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(command, env=environment(address), check=True, timeout=120)
    return address


def environment(address: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "DATABASE_URL": address, "PYTHONPATH": path}


def rows_of(address: str) -> tuple[int, int]:
    """Return how many transitions were written, and how many of them were handled."""
    query = "SELECT count(*), count(handled_at) FROM markets_transition"
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()
    with contextlib.closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as database:
        return database.execute(query).fetchone()


def start(address: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(RING)],
        env=environment(address),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def expected_bells() -> int:
    tables = [table for _, table in active_tables()]
    day = sum(len(bells(table, START, START + timedelta(days=1))) for table in tables)
    return day + sum(len(last_bells(table, START)) for table in tables)


def test_every_transition_is_written_and_sent_once(shared_database):
    expected = expected_bells()
    processes = [start(shared_database) for _ in range(2)]

    for process in processes:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    heard = Counter()
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        heard.update(json.loads(out))

    assert len(heard) == expected
    assert set(heard.values()) == {1}
    assert rows_of(shared_database) == (expected, expected)
