"""One live batch into open bars: 1,000 ticks of 100 symbols, folded into a book in which all of them have a bar."""

import time

import numpy as np

from benchmarks.kernels import one_core
from benchmarks.ticks import MINUTE, SECOND, batch
from thor.marketdata.foldbook import Book, Place
from thor.marketdata.minutes import MinuteTable
from thor.marketdata.totals import Totals

NAMES = tuple(f"S{number:03}" for number in range(100))
TICKS = 1000
OPEN = 1_381_152_600 * 10**9


def folded_ms(repeats: int) -> list[float]:
    """Return what each of some batches took, all of one minute."""
    book = Book(Place(), Totals(), {}, set(), MinuteTable, session_of=lambda minute: OPEN)
    step = 50 * SECOND // (repeats + 2)
    took = []
    with one_core():
        for number in range(repeats + 2):
            start = OPEN + number * step
            ticks = batch(number, NAMES, start + np.arange(TICKS) * (step // TICKS), watermark=start + step)
            entry = [(f"{number}-0", ticks.stamped(run="bench", first=number * TICKS))]
            began = time.perf_counter()
            book.take(entry)
            took.append((time.perf_counter() - began) * 1000)
    assert list(book.tables) == [OPEN // MINUTE * MINUTE], "one minute is open"
    assert int(book.tables[OPEN].rows["trades"].sum()) == TICKS * (repeats + 2), "every tick is in a bar"
    return took[2:]
