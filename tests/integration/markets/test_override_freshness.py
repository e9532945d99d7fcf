"""An override reaches a process that is running already, from a row and from the file."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.markets.test_exactly_once import environment, shared_database

pytestmark = pytest.mark.database

__all__ = ["shared_database"]

WATCH = Path(__file__).with_name("watch.py")
#: 14:00 in New York: usa is open, and closed under an early close at 13:00.
TWO = "2026-11-20T19:00:00+00:00"
#: Seconds: it takes a third of one, and a machine that stands still for a while does not take this. What adds up to the
#: second that is promised is held by `test_what_is_believed_and_the_look_of_a_leader_keep_within_a_second`.
HANGS = 10
ENTER = """
import django
django.setup()
import sys, time
from datetime import date, time as clock
from thor.markets.models import Market, Override
market = Market.objects.get(key="usa")
for line in sys.stdin:
    Override.objects.filter(market=market).delete()
    if line.strip() == "close":
        Override.objects.create(market=market, date=date(2026, 11, 20), close=clock(13), reason="storm")
    print(time.time(), flush=True)
"""
FILE = "version: 1\noverrides: [{market: usa, date: 2026-11-20, close: 13:00, reason: storm}]\n"


@pytest.fixture
def database(shared_database: str) -> dict[str, str]:
    return environment(shared_database)


def start(environment: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, *words]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def watching(environment: dict[str, str], market: str) -> "Iterator[subprocess.Popen[str]]":
    process = start(environment, str(WATCH), market, TWO)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(process: "subprocess.Popen[str]") -> tuple[str, float]:
    said, when = process.stdout.readline().split()
    return said, float(when)


@pytest.mark.parametrize(("market", "closes"), [("usa", "clock(13)"), ("us_equities", "clock(9, 45)")])
def test_a_row_that_another_process_saves_is_in_force_soon(database, market, closes):
    entering = start(database, "-c", ENTER.replace("clock(13)", closes))
    for process in watching(database, market):
        assert answer(process)[0] == "True"
        for word, expected in (("close", "False"), ("open", "True"), ("close", "False")):
            entering.stdin.write(f"{word}\n")
            entering.stdin.flush()
            saved_at = float(entering.stdout.readline())
            said, heard_at = answer(process)
            assert said == expected
            assert heard_at - saved_at < HANGS
    entering.communicate()
    assert entering.returncode == 0


def test_a_file_that_is_rewritten_is_in_force_soon(database, tmp_path):
    file = tmp_path / "overrides.yaml"
    file.write_text("version: 1\n")
    for process in watching({**database, "THOR_MARKET_OVERRIDES": str(file)}, "usa"):
        assert answer(process)[0] == "True"
        for text, expected in ((FILE, "False"), ("version: 1\n", "True")):
            new = file.with_suffix(".new")
            new.write_text(text)
            saved_at = time.time()
            new.replace(file)
            said, heard_at = answer(process)
            assert said == expected
            assert heard_at - saved_at < HANGS


#: The connection of this thread is broken off, and another one writes.
BROKEN_OFF = """
import django
django.setup()
import threading, time
from datetime import date, time as clock
from django.db import connection
from thor.markets import registry, standing_readings
from thor.markets.models import Market, Override
from thor.markets.sessions import sessions_of

FRIDAY = date(2026, 11, 20)

def break_off():
    broken = connection.connection
    if connection.vendor == "sqlite":
        broken.close()
    other = threading.Thread(target=elsewhere, args=(getattr(broken, "info", None),))
    other.start()
    other.join()
    time.sleep(standing_readings.FRESH)

def elsewhere(info):
    if info is not None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(%s)", [info.backend_pid])
            while cursor.fetchone():  # it is only told to end
                cursor.execute("select pid from pg_stat_activity where pid = %s", [info.backend_pid])
    usa = Market.objects.get(key="usa")
    rows = [Override(market=usa, date=FRIDAY, close=clock(13), reason="storm")]
    Override.objects.bulk_create(rows, ignore_conflicts=True)
    connection.close()

print(f"{sessions_of('usa').on(FRIDAY).close:%H}", standing_readings.reading_of("usa"))
break_off()
print(f"{sessions_of('usa').on(FRIDAY).close:%H}")
break_off()
print(standing_readings.reading_of("usa"), connection.connection)
"""


def test_a_connection_that_is_broken_off_is_replaced_and_edits_go_on_arriving(database):
    process = start(database, "-c", BROKEN_OFF)
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 0
    assert said.splitlines() == ["21 None", "18", "None None"]
