"""What the question "open now?" costs a process that asks nothing else: what it loads, and how long an answer takes."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import pytest

from thor.markets.models import Market, Override
from thor.markets.registry import FRESH
from thor.markets.selectors import is_open
from thor.markets.sessions import sessions_of_calendar

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("pandas", "numpy", "exchange_calendars")
ASK = f"""
import json, sys
import django
django.setup()
from datetime import datetime, timezone
from thor.markets.box import install_markets
from thor.markets.selectors import has_active_markets, is_open, market_status, status_board
from thor.markets.standing import standing
at = datetime(2026, 11, 20, 17, tzinfo=timezone.utc)
said = [is_open("usa", at), is_open("japan", at), has_active_markets(at), len(status_board(at))]
standing("usa", at)
print(json.dumps([said, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def test_a_process_that_asks_loads_no_pandas_no_numpy_and_no_calendars(tmp_path):
    sessions_of_calendar("XNYS")
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/ask.sqlite3", "PYTHONPATH": str(ROOT)}
    environment["DJANGO_SETTINGS_MODULE"] = "thor.settings"
    for words in (("-m", "django", "migrate", "--verbosity=0"), ("-c", ASK)):
        done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    assert json.loads(done.stdout) == [[True, False, True, 12], []]


@pytest.mark.django_db
def test_an_answer_costs_under_a_microsecond_with_everything_that_comes_with_it():
    usa = Market.objects.get(key="usa")
    Override.objects.create(market=usa, date=date(2026, 11, 20), close=clock(13), reason="storm")
    start = datetime(2026, 11, 20, tzinfo=UTC)
    instants = [start + timedelta(seconds=86.4 * n) for n in range(1000)]
    is_open("usa", start)

    # Others on the machine are no cost of the question, and slow it down all the same: the best stretch tells.
    assert any(cost_of_an_answer(instants) < 1e-6 for _ in range(100))


def cost_of_an_answer(instants: list[datetime]) -> float:
    """Return how long this process works for an answer, in a stretch within which more than one reading lies."""
    began, end, questions = time.process_time(), time.monotonic() + 3 * FRESH, 0
    while time.monotonic() < end:
        for at in instants:
            is_open("usa", at)
        questions += len(instants)
    return (time.process_time() - began) / questions
