"""Ticks through Thor's own services, on a real Valkey and a real PostgreSQL, in one process.

A publisher appends to the stream, `intraday` folds, `closed_bars` stores: what three processes do in life is done here
one after the other, so a rate is that of one core for all of it, the encoding of the publisher included.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.lines import Cell
from benchmarks.ticks import MINUTE, SECOND, SYMBOLS, VENUE, batch, busiest_second, day
from thor.connections import redis_client
from thor.marketdata import keys, stream
from thor.marketdata.models import Bar, Instrument
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services import closed_bars, intraday
from thor.marketdata.stream import Position
from thor.marketdata.ticks import TickBatch

#: A minute of regular trading, from which made-up ticks begin.
OPEN = 1_381_152_600 * 10**9
MANY = tuple(f"S{number:04}" for number in range(5_000))


class Recorded:
    """A feed that gives the ticks of a batch at their own time."""

    def __init__(self, ticks: TickBatch) -> None:
        """Give these ticks, which are in the order of time."""
        self.venue, self.source, self.identity = VENUE, ticks.source, "bench"
        self.starts_at, self.ends_at = int(ticks.at[0]), int(ticks.at[-1])
        self._ticks = ticks

    def read(self, since: int, until: int) -> TickBatch:
        """Return the ticks of [since, until)."""
        start, stop = np.searchsorted(self._ticks.at, [since, until])
        return self._ticks.slice(int(start), int(stop), watermark=until)


class Line:
    """Append batches to the stream of the venue, one after the other."""

    def __init__(self, run: str) -> None:
        """Begin a run on an emptied store."""
        self._client, self._run = redis_client(), run
        self._client.flushdb()
        self._client.set(keys.feed_lease(VENUE), "bench")
        self._after: Position | None = None

    def send(self, ticks: TickBatch) -> None:
        """Append one batch, without snapshots."""
        first = self._after.sequence if self._after else 0
        stamped = ticks.stamped(run=self._run, first=first)
        self._after = stream.publish(self._client, VENUE, stamped, token="bench", after=self._after, quotes={})


def prepare() -> None:
    """Add the instruments of the large universe."""
    rows = [Instrument(symbol=symbol, venue=VENUE, kind="equity", sampled=False) for symbol in MANY]
    Instrument.objects.bulk_create(rows, ignore_conflicts=True)


def end_to_end(repeats: int) -> Cell:
    """Carry a day of four symbols from a feed into the database; every tick must be in a bar."""
    ticks, _ = day(*SYMBOLS)
    rates, parts = [], []
    for number in range(repeats):
        redis_client().flushdb()
        Bar.objects.all().delete()
        took = _carried(ticks, str(number))
        stored = sum(Bar.objects.values_list("trades", flat=True))
        assert stored == len(ticks), f"{stored} trades in bars, {len(ticks)} ticks"
        rates.append(len(ticks) / sum(took))
        parts.append(took)
    rate, (publish, fold, flush) = statistics.median(rates), parts[rates.index(sorted(rates)[len(rates) // 2])]
    text = f"{rate:,.0f} ticks/s ({publish:.1f} s publish, {fold:.1f} s fold, {flush:.1f} s store)"
    return Cell(
        text, {"ticks_per_s": rate, "publish_s": publish, "fold_s": fold, "store_s": flush, "ticks": len(ticks)}
    )


def _carried(ticks: TickBatch, run: str) -> tuple[float, float, float]:
    """Return the seconds of publishing, folding and storing, in steps of a quarter of an hour."""
    start, end = int(ticks.at[0]), int(ticks.at[-1]) + 2 * MINUTE
    publisher = Publisher(Recorded(ticks), redis_client(), "bench", Begin(run, at=start))
    took = [0.0, 0.0, 0.0]
    for now in [*range(start + 15 * MINUTE, end, 15 * MINUTE), end]:
        began = time.perf_counter()
        while publisher.turn(now, quiet=0):
            pass
        took[0] += time.perf_counter() - began
        for place, service in enumerate((intraday.step_once, closed_bars.flush), start=1):
            took[place] += _timed(service, now)[0] / 1000
    return took[0], took[1], took[2]


def large_pass(passes: int) -> tuple[Cell, Cell]:
    """Fold a tick of each of 5,000 symbols a second: passes within a minute, and those that close 5,000 bars."""
    line = Line("large")
    plain, closing = [], []
    for second in range(passes):
        # Fifteen seconds lie between two batches, so that every fourth pass closes a minute.
        now = OPEN + second * 15 * SECOND
        line.send(batch(second, MANY, now + np.arange(len(MANY)), watermark=now + SECOND))
        took, done = _timed(intraday.step_once, now)
        assert done["ticks"] == len(MANY), done
        if done["closed"]:
            assert done["closed"] == len(MANY), done
            closing.append(took)
        elif second:
            plain.append(took)
    return _worst(plain), _worst(closing)


def flush_ten_thousand(repeats: int) -> Cell:
    """Store 10,000 closed bars of 5,000 symbols at once."""
    took = []
    for number in range(repeats):
        line, start = Line(f"flush{number}"), OPEN + number * 10 * MINUTE
        for minute in range(2):
            at = start + minute * MINUTE + np.arange(len(MANY))
            line.send(batch(minute, MANY, at, watermark=start + (minute + 1) * MINUTE))
        intraday.step_once(market=VENUE, at=at_ns(start + 2 * MINUTE))
        ms, done = _timed(closed_bars.flush, start + 2 * MINUTE)
        took.append(ms)
        assert done["bars"] == 10_000, done
    return _worst(took)


def busiest(around: int) -> Cell:
    """Fold the busiest recorded second of SPY and the seconds around it, one pass a second."""
    ticks, _ = day("SPY")
    peak, count = busiest_second(ticks)
    line, took, folded = Line("busiest"), [], 0
    first, last = np.searchsorted(ticks.at, [peak - around * SECOND, peak + around * SECOND])
    for second in range(peak - around * SECOND, peak + around * SECOND, SECOND):
        start, stop = np.searchsorted(ticks.at, [second, second + SECOND])
        line.send(ticks.slice(int(start), int(stop), watermark=second + SECOND))
        ms, done = _timed(intraday.step_once, second + SECOND)
        took.append(ms)
        folded += done["ticks"]
    lost = int(last - first) - folded
    text = f"{count} trades; {lost} lost of {int(last - first):,}, longest pass {max(took):.0f} ms"
    return Cell(text, {"trades": count, "lost": lost, "max_ms": max(took), "p50_ms": statistics.median(took)})


def _worst(took: list[float]) -> Cell:
    p50, most = statistics.median(took), max(took)
    return Cell(f"{p50:.0f} ms (longest of {len(took)}: {most:.0f})", {"p50_ms": p50, "max_ms": most})


def _timed(service: Callable[..., dict[str, Any]], now: int) -> tuple[float, dict[str, Any]]:
    """Return the milliseconds of a service at data time `now` (ns), and what it says it did."""
    began = time.perf_counter()
    done = service(market=VENUE, at=at_ns(now))
    return (time.perf_counter() - began) * 1000, done


def at_ns(ns: int) -> datetime:
    """Return a time in ns as UTC."""
    return datetime.fromtimestamp(ns / 1e9, UTC)
