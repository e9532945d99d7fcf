"""Two processes carry out the same run at the same time, on one database and at one broker."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from tests.integration.trading.memory_desk import MORNING, MemoryDesk, run_of
from thor.testing.alpaca_rest import AlpacaRest
from thor.timing import ManualClock
from thor.trading.models import Event, Fill, Order, Position, Reconciliation, State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

RACER = Path(__file__).with_name("order_racer.py")
ROOT = Path(__file__).resolve().parents[3]
SYMBOLS = [f"S{number}" for number in range(8)]


def address() -> str:
    """Return the address of the test's database, which other processes reach."""
    values = connection.settings_dict
    if connection.vendor != "postgresql":
        return f"sqlite:///{values['NAME']}"
    place = f"{values['HOST'] or 'localhost'}:{values['PORT'] or 5432}"
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{place}/{values['NAME']}"


def start(*arguments: str) -> subprocess.Popen[str]:
    names = {"DATABASE_URL": address(), "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "thor.settings"}
    return subprocess.Popen(
        [sys.executable, str(RACER), *arguments],
        env={**os.environ, **names},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_carry_out_one_run_order_each_thing_once() -> None:
    desk = MemoryDesk()
    clock = ManualClock(MORNING)
    with AlpacaRest(clock.now) as server:
        for symbol in SYMBOLS:
            server.book.quote(symbol, "100")
            desk.want(symbol=symbol)
        connection.close()
        arguments = (server.url, server.key, server.secret, MORNING.isoformat(), str(run_of(1)))
        processes = [start(*arguments) for _ in range(2)]

        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ends = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]

    assert [code for _, code in ends] == [0, 0], ends
    posted = Counter(one.content["symbol"] for one in server.asked if one.method == "POST")
    assert posted == dict.fromkeys(SYMBOLS, 1)
    assert Order.objects.filter(state=State.FILLED, filled_quantity=10).count() == len(SYMBOLS)
    assert (Order.objects.count(), Fill.objects.count(), Position.objects.count()) == (8, 8, 8)
    assert list(Event.objects.values_list("number", flat=True)) == list(range(1, 1 + Event.objects.count()))
    assert Reconciliation.objects.get().positions_count == len(SYMBOLS)
