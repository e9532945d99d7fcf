"""Measure "open now?": `python -m benchmarks.open_now [--seconds 3]` prints what a question costs, and what it loads.

Each subject is a fresh process that answers for New York again and again at instants of one day. Thor's includes
everything that a question brings with it: markets and overrides are read from the database three times a second, the
file of overrides is looked at, and an early close was entered. exchange_calendars is asked in the same run with
instants that are pandas' own already, which is its cheapest form. Times are those of the process that asks, so that
others on the machine do not count.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT

THOR = """
import json, resource, sys, time
import django
django.setup()
from datetime import datetime, timedelta, timezone
from thor.markets.selectors import is_open

start = datetime(2026, 11, 20, tzinfo=timezone.utc)
instants = [start + timedelta(seconds=86.4 * n) for n in range(1000)]
ask = lambda at: is_open("usa", at)
ask(start)
"""
LIBRARY = """
import json, resource, sys, time
import exchange_calendars, pandas

calendar = exchange_calendars.get_calendar("XNYS")
start = pandas.Timestamp("2026-11-20", tz="UTC")
instants = [start + pandas.Timedelta(seconds=86 * n).floor("min") for n in range(1000)]
ask = calendar.is_open_on_minute
ask(start)
"""
MEASURE = """
seconds, rounds, spent, best = float(sys.argv[1]), 0, 0.0, float("inf")
end = time.perf_counter() + seconds
while time.perf_counter() < end:
    began = time.process_time()
    for at in instants:
        ask(at)
    took = time.process_time() - began
    rounds, spent, best = rounds + 1, spent + took, min(best, took)
heavy = [name for name in ("pandas", "numpy", "exchange_calendars") if name in sys.modules]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
questions = rounds * len(instants)
print(json.dumps({"mean": spent / questions * 1e9, "best": best / len(instants) * 1e9, "questions": questions,
                  "memory": peak, "modules": len(sys.modules), "heavy": heavy}))
"""
ENTER = """
import django
django.setup()
from datetime import date, time
from thor.markets.models import Market, Override
usa = Market.objects.get(key="usa")
Override.objects.create(market=usa, date=date(2026, 11, 20), close=time(13), reason="benchmark")
"""


def main() -> None:
    """Measure both in this run, and print a table."""
    parser = argparse.ArgumentParser(description="Measure what the question whether a market is open costs.")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each subject is asked; default 3")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="thor-open-") as folder:
        found = measure(folder, seconds)
    print(f"{'':20}{'mean ns':>9}{'best ns':>9}{'questions':>12}{'memory MB':>11}{'modules':>9}  heavy imports")
    for name, one in found.items():
        figures = f"{one['mean']:9.0f}{one['best']:9.0f}{one['questions']:12,}{one['memory']:11.0f}{one['modules']:9}"
        print(f"{name:20}{figures}  {', '.join(one['heavy']) or 'none'}")


def measure(folder: str, seconds: float) -> dict[str, dict[str, Any]]:
    """Return the figures of Thor and of the library, each measured in a fresh process."""
    environment = {**os.environ, "THOR_VAR_DIR": folder, "PYTHONPATH": str(ROOT)}
    environment |= {"DJANGO_SETTINGS_MODULE": "thor.settings", "DATABASE_URL": f"sqlite:///{folder}/open.sqlite3"}
    overrides = Path(folder, "overrides.yaml")
    overrides.write_text("version: 1\noverrides: [{market: usa, date: 2026-11-23, closed: true, reason: benchmark}]\n")
    environment["THOR_MARKET_OVERRIDES"] = str(overrides)
    _run(environment, "-m", "django", "migrate", "--verbosity=0")
    _run(environment, "-c", ENTER)
    # The first question has the files of sessions made; the process that is measured finds them, as all later ones do.
    _run(environment, "-c", THOR)
    subjects = {"thor": THOR, "exchange_calendars": LIBRARY}
    return {name: json.loads(_run(environment, "-c", code + MEASURE, str(seconds))) for name, code in subjects.items()}


def _run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


if __name__ == "__main__":
    main()
