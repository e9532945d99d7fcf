"""Measure the plan: `python -m benchmarks.plan` forecasts every date of five years, and starts the command for some.

The schedule is the one in the box. The first figures are of one process, its first date included; the first date of a
fresh process, and the whole command with Django's start, are measured by themselves. All are wall time.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.processes import ROOT

FORECAST = """
import json, sys, time
import django
django.setup()
from datetime import date, timedelta
from thor.jobs.forecast import forecast

first, took = date.fromisoformat(sys.argv[1]), []
for number in range(int(sys.argv[2])):
    began = time.perf_counter()
    forecast(first + timedelta(days=number))
    took.append((time.perf_counter() - began) * 1000)
print(json.dumps(took))
"""
#: A half day, both changes of America's clocks, one of Europe's, and a leap day.
DATES = ("2026-11-27", "2027-03-14", "2027-11-07", "2027-03-28", "2028-02-29")
FIVE_YEARS = 1827


def main() -> None:
    """Print the figures, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="thor-plan-") as folder:
        environment = {**os.environ, "THOR_VAR_DIR": folder, "DATABASE_URL": "", "PYTHONPATH": str(ROOT)}
        environment["DJANGO_SETTINGS_MODULE"] = "thor.settings"
        for command in ("migrate", "sync_jobs", "plan"):
            _run(environment, "manage.py", command)
        every = json.loads(_run(environment, "-c", FORECAST, "2024-01-01", str(FIVE_YEARS)))
        fresh = [json.loads(_run(environment, "-c", FORECAST, day, "1"))[0] for day in DATES]
        whole = [_timed(environment, "manage.py", "plan", "--date", day) for day in DATES]
    for name, took in (("every date of 2024 to 2028", every), ("first date of a process", fresh), ("command", whole)):
        p99 = statistics.quantiles(took, n=100, method="inclusive")[98]
        print(
            f"{name:28}{len(took):6}  median {statistics.median(took):6.0f}  p99 {p99:6.0f}  most {max(took):6.0f} ms"
        )


def _timed(environment: dict[str, str], *words: str) -> float:
    began = time.perf_counter()
    _run(environment, *words)
    return (time.perf_counter() - began) * 1000


def _run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


if __name__ == "__main__":
    main()
