"""The ticks that are measured with: a recorded day of four symbols, or one made up of the same size; and batches."""

from pathlib import Path

import numpy as np

from benchmarks.processes import ROOT
from thor.marketdata.feeds.lean import read_zip
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.ticks import Floats, Ints, TickBatch, make

SYMBOLS = ("SPY", "IBM", "BAC", "AIG")
DAY = "20131007"
#: Where recordings lie beside the project, in LEAN's layout.
RECORDINGS = ROOT.parent / "shared" / "data" / "lean" / "Data" / "equity" / "usa" / "tick"
#: Trades of each symbol on that day, for the day that is made up.
SIZES = {"SPY": 250_601, "IBM": 24_293, "BAC": 68_771, "AIG": 44_752}
START, END = 1_381_132_800 * 10**9, 1_381_192_200 * 10**9  # 08:00 to 00:30 UTC
VENUE = "us_equities"
SECOND, MINUTE = 10**9, 60 * 10**9


def day(*symbols: str) -> tuple[TickBatch, str]:
    """Return a day of trades of these symbols in the order of time, and what they are."""
    files = [RECORDINGS / symbol.lower() / f"{DAY}_trade.zip" for symbol in symbols]
    if all(file.is_file() for file in files):
        return _recorded(files), "recorded on 2013-10-07"
    return _made_up(symbols), "made up (seed 5), of the size of 2013-10-07"


def batch(number: int, symbols: tuple[str, ...], at: Ints, *, watermark: int) -> TickBatch:
    """Return a tick of each time in `at`, of the symbols in turn; prices and sizes follow from the number."""
    random = np.random.default_rng(number)
    count = len(at)
    return make(
        symbols,
        code=np.arange(count) % len(symbols),
        at=at,
        price=np.round(50 + np.arange(count) % 400 + random.integers(0, 100, count) / 100, 2),
        size=random.integers(1, 50, count).astype(float) * 100,
        watermark=watermark,
        source="BENCH",
    )


def busiest_second(ticks: TickBatch) -> tuple[int, int]:
    """Return the start (ns) of the second with the most ticks, and how many there are in it."""
    seconds, counts = np.unique(ticks.at // SECOND, return_counts=True)
    place = int(np.argmax(counts))
    return int(seconds[place]) * SECOND, int(counts[place])


def _recorded(files: list[Path]) -> TickBatch:
    feed = ReplayFeed(VENUE, [read_zip(file, {}) for file in files])
    return feed.read(0, 2**62)


def _made_up(symbols: tuple[str, ...]) -> TickBatch:
    random = np.random.default_rng(5)
    counts = [SIZES[symbol] for symbol in symbols]
    code = np.repeat(np.arange(len(symbols)), counts)
    # Busy at the open and at the close, quiet before and after.
    place = random.beta(0.6, 0.6, sum(counts))
    at = START + (5.5 * 3600 * SECOND + place * 6.5 * 3600 * SECOND).astype(np.int64) // 10**6 * 10**6
    price = np.round(40 + 40 * code + _walk(random, len(code)), 2)
    size = random.integers(1, 20, len(code)).astype(float) * 100
    order = np.argsort(at, kind="stable")
    return make(
        symbols, code=code[order], at=at[order], price=price[order], size=size[order], watermark=END, source="BENCH"
    )


def _walk(random: np.random.Generator, count: int) -> Floats:
    steps = np.cumsum(random.normal(0, 0.002, count))
    found: Floats = np.clip(steps, -10, 10)
    return found
