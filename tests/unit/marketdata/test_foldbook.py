"""What a pass makes of the stream does not depend on batches, passes, or the moment at which it looks."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from thor.marketdata import closed, minutes, totals
from thor.marketdata.bars import MINUTE
from thor.marketdata.foldbook import AMEND_FOR, Book, Place
from thor.marketdata.ticks import TickBatch, make

#: What a mark says of the quote of a symbol that has none: bid, ask and their sizes.
UNQUOTED = (None, None, None, None)
T0 = 1_381_152_600 * 10**9


class Kept:
    """Keep the book between passes as Redis does: as bytes."""

    def __init__(self) -> None:
        self.place, self.sums, self.baseline = Place(), b"", {}
        self.tables: dict[int, bytes] = {}
        self.bars: dict[tuple[str, int], Any] = {}
        self.sent = 0
        self.marks: list[dict[str, Any]] = []

    def book(self) -> Book:
        return Book(
            place=self.place,
            totals=totals.decode(self.sums),
            baseline=self.baseline,
            known=set(self.tables),
            load=lambda minute: minutes.decode(minute, self.tables[minute]),
        )

    def take(self, *batches: TickBatch) -> Book:
        book = self.book()
        book.take([(f"{number}-0", batch) for number, batch in enumerate(batches)])
        return self.keep(book)

    def keep(self, book: Book) -> Book:
        self.place, self.sums, self.baseline = book.place, book.totals.encode(), book.baseline
        for minute in book.retired - set(book.tables):
            self.tables.pop(minute, None)
        self.tables.update({minute: table.encode() for minute, table in book.tables.items()})
        self.bars.update({(bar.symbol, bar.start): bar for bar in map(closed.decode, book.closed)})
        self.sent += len(book.closed)
        self.marks += [json.loads(mark) for _, mark in book.marks]
        return book


def ticks(
    first: int, watermark: int, *rows: tuple[str, int, float, float], run: str = "run", source: str = "TEST"
) -> TickBatch:
    names = tuple(dict.fromkeys(row[0] for row in rows))
    return make(
        names,
        code=[names.index(row[0]) for row in rows],
        at=[T0 + row[1] for row in rows],
        price=[row[2] for row in rows],
        size=[row[3] for row in rows],
        watermark=T0 + watermark,
        source=source,
    ).stamped(run=run, first=first)


def test_a_bar_closes_when_the_feed_promises_that_its_minute_is_complete() -> None:
    kept = Kept()

    kept.take(ticks(0, MINUTE - 1, ("SPY", 5, 10.0, 1.0)))
    assert not kept.bars
    kept.take(ticks(1, MINUTE))

    assert [bar.close for bar in kept.bars.values()] == [10]


def test_a_late_tick_sends_the_whole_bar_again() -> None:
    kept = Kept()
    kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0), ("SPY", 50, 11.0, 2.0)))

    kept.take(ticks(2, MINUTE + 1, ("SPY", 2, 9.0, 4.0)))

    (bar,) = kept.bars.values()
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.ticks) == (9, 11, 9, 11, 7, 3, 3)
    assert kept.sent == 2


def test_a_late_tick_counts_in_the_next_mark() -> None:
    kept = Kept()
    kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0)))
    kept.take(ticks(1, MINUTE + 1, ("SPY", 6, 12.0, 4.0)))
    kept.take(ticks(2, 2 * MINUTE))

    assert [mark["rows"] for mark in kept.marks] == [
        [["SPY", 10.0, 10**8, *UNQUOTED]],
        [["SPY", 12.0, 5 * 10**8, *UNQUOTED]],
    ]


def test_a_tick_that_is_too_late_is_counted_and_changes_nothing() -> None:
    kept = Kept()
    kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0)))
    kept.take(ticks(1, AMEND_FOR + 2 * MINUTE))

    book = kept.take(ticks(1, AMEND_FOR + 2 * MINUTE + 1, ("SPY", 6, 99.0, 1.0)))

    assert book.tally.late == 1
    assert [bar.high for bar in kept.bars.values()] == [10]
    assert not kept.tables


def test_ticks_that_come_twice_count_once_and_missing_ones_are_said() -> None:
    kept = Kept()
    kept.take(ticks(0, 10, ("SPY", 1, 10.0, 1.0), ("SPY", 2, 10.0, 1.0)))

    book = kept.take(
        ticks(1, 20, ("SPY", 2, 10.0, 1.0), ("SPY", 3, 10.0, 1.0)), ticks(8, MINUTE, ("SPY", 30, 10.0, 1.0))
    )

    assert (book.tally.repeated, book.tally.lost) == (1, 5)
    assert [bar.trades for bar in kept.bars.values()] == [4]


def test_identical_ticks_are_all_real() -> None:
    kept = Kept()
    kept.take(ticks(0, MINUTE, *[("SPY", 1, 10.0, 100.0)] * 3))

    assert [(bar.trades, bar.volume) for bar in kept.bars.values()] == [(3, 300)]


def test_a_new_run_closes_what_was_open_and_starts_afresh_also_back_in_time() -> None:
    kept = Kept()
    kept.take(ticks(0, 100 * MINUTE + 10, ("SPY", 100 * MINUTE, 10.0, 1.0)))

    kept.take(ticks(0, MINUTE, ("SPY", 1, 20.0, 1.0), run="another"))

    assert sorted(bar.close for bar in kept.bars.values()) == [10, 20]
    assert [mark["rows"] for mark in kept.marks] == [[["SPY", 20.0, 10**8, *UNQUOTED]]]


def test_a_minute_without_trades_makes_no_bar_and_a_quiet_symbol_keeps_its_mark() -> None:
    kept = Kept()
    kept.take(ticks(0, 3 * MINUTE, ("SPY", 1, 10.0, 1.0)))

    assert len(kept.bars) == 1
    assert [mark["rows"] for mark in kept.marks] == [[["SPY", 10.0, 10**8, *UNQUOTED]]] * 3


def test_a_new_day_starts_its_volume_from_nothing_and_silence_makes_no_marks() -> None:
    kept = Kept()
    midnight = (T0 // (1440 * MINUTE) + 1) * 1440 * MINUTE - T0
    kept.take(
        ticks(0, midnight + 600 * MINUTE, ("SPY", midnight - 5, 10.0, 1.0), ("SPY", midnight + 60 * MINUTE, 11.0, 2.0))
    )

    first, *others = kept.marks
    assert first == {"minute": T0 + midnight, "rows": [["SPY", 10.0, 10**8, *UNQUOTED]]}
    assert others[0] == {"minute": T0 + midnight + 61 * MINUTE, "rows": [["SPY", 11.0, 2 * 10**8, *UNQUOTED]]}
    assert len(others) == 540


rows = st.lists(
    st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 6 * MINUTE), st.integers(1, 500), st.integers(0, 90)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(rows, st.lists(st.integers(0, 40), max_size=6), st.lists(st.booleans(), min_size=7, max_size=7))
def test_the_outcome_does_not_depend_on_how_entries_are_spread_over_passes(
    drawn: list[tuple[str, int, int, int]], cuts: list[int], breaks: list[bool]
) -> None:
    # Given: entries in the order of arrival, some with late ticks, each with a watermark that never goes back.
    trades = [(symbol, at, price / 4, float(size)) for symbol, at, price, size in drawn]
    edges = sorted({0, len(trades), *(min(cut, len(trades)) for cut in cuts)})
    entries, mark = [], 0
    for start, stop in pairwise(edges):
        mark = max(mark, max(at for _, at, _, _ in trades[start:stop]) * 2 // 3)
        entries.append(ticks(start, mark, *trades[start:stop]))
    entries.append(ticks(len(trades), 8 * MINUTE))

    # When: they are folded in one pass, and in several.
    at_once, spread = Kept(), Kept()
    at_once.take(*entries)
    waiting: list[TickBatch] = []
    for entry, ends in zip(entries, breaks, strict=False):
        waiting.append(entry)
        if ends:
            spread.take(*waiting)
            waiting = []
    spread.take(*waiting, *entries[len(breaks) :])

    assert spread.bars == at_once.bars
    assert spread.marks == at_once.marks
    assert spread.place.watermark == at_once.place.watermark
