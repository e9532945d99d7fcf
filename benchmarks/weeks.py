"""52 weeks of 5,000 symbols: passes over 1.3 million days at rest and the session so far, after a tick of each."""

import statistics
import time

import numpy as np
from django.db import connection

from benchmarks.lines import Cell
from benchmarks.pipeline import MANY, OPEN, Line, at_ns
from benchmarks.ticks import SECOND, VENUE, batch
from thor.marketdata import daily_version
from thor.marketdata.services import intraday, week52

DAYS = """
INSERT INTO marketdata_dailybar (instrument_id, date, open, high, low, close, volume, origin)
SELECT i.id, day, 50 + n, 51.5 + n + i.id %% 7, 49 + n - i.id %% 5, 50.5 + n, 1000000, 'imported'
FROM (SELECT id, (row_number() OVER (ORDER BY symbol) - 1) %% 400 AS n FROM marketdata_instrument
      WHERE venue = %s AND symbol = ANY (%s)) i,
     generate_series(date '2012-10-01', date '2013-10-04', interval '1 day') day
WHERE extract(isodow FROM day) < 6
"""


def one_pass(passes: int) -> Cell:
    """Take the passes of a minute; the first reads the days, the others look at what has moved since."""
    with connection.cursor() as cursor:
        cursor.execute(DAYS, [VENUE, list(MANY)])
        days = cursor.rowcount
        cursor.execute("ANALYZE marketdata_dailybar")
    daily_version.change()
    week52.forget()
    line, took = Line("weeks"), []
    for number in range(passes + 1):
        now = OPEN + number * 2 * SECOND
        line.send(batch(number, MANY, now + np.arange(len(MANY)), watermark=now + SECOND))
        intraday.step_once(market=VENUE, at=at_ns(now))
        began = time.perf_counter()
        done = week52.update_week52(market=VENUE, at=at_ns(now))
        took.append((time.perf_counter() - began) * 1000)
        assert done["instruments"] >= len(MANY), done
    first, *others = took
    p50, most = statistics.median(others), max(others)
    text = f"{p50:.0f} ms (longest of {passes}: {most:.0f}; the first, which reads {days:,} days: {first / 1000:.1f} s)"
    return Cell(text, {"p50_ms": p50, "max_ms": most, "first_ms": first, "days": days})
