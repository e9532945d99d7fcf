"""First touch decides, in the order of exchange time, however the stream is cut and however often it is looked at."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.marketdata.models import Capture
from thor.marketdata.ticks import TickBatch, make
from thor.marketdata.touches import Judged, Mark, Touch, Watch, judge

TARGET, STOP = Capture.Touched.TARGET, Capture.Touched.STOP
LONG = Watch(1, "YM", True, 105.0, 95.0, "bid")
SHORT = Watch(2, "YM", False, 95.0, 105.0, "ask")
TRADES = Watch(3, "ES", True, 105.0, 95.0, "price")

#: symbol, time, price, bid, ask
Tick = tuple[str, int, float, float, float]
NAN = float("nan")


def quote(at: int, bid: float, ask: float, symbol: str = "YM") -> Tick:
    return (symbol, at, NAN, bid, ask)


def entry(number: int, watermark: int, *ticks: Tick, first: int = 0, run: str = "one") -> tuple[str, TickBatch]:
    symbols = tuple(dict.fromkeys(tick[0] for tick in ticks))
    batch = make(
        symbols,
        code=[symbols.index(tick[0]) for tick in ticks],
        at=[tick[1] for tick in ticks],
        price=[tick[2] for tick in ticks],
        bid=[tick[3] for tick in ticks],
        ask=[tick[4] for tick in ticks],
        watermark=watermark,
        source="TEST",
    )
    return f"{number}-0", batch.stamped(run=run, first=first)


def looked_at(
    entries: Sequence[tuple[str, TickBatch]], cuts: Sequence[int], watches: Sequence[Watch], start: int, end: int
) -> dict[int, Touch]:
    """Judge in passes: each sees what was published up to a cut, from where the last one ended."""
    mark, found = Mark(), {}
    for cut in [*sorted(cuts), len(entries)]:
        fresh = [pair for pair in entries[:cut] if int(pair[0][:-2]) > int(mark.cursor[:-2])]
        left = [watch for watch in watches if watch.key not in found]
        judged = judge(fresh, mark, left, start, end)
        found.update(judged.touches)
        mark = judged.mark
    return found


def once(*entries: tuple[str, TickBatch], watches: Sequence[Watch] = (LONG, SHORT)) -> Judged:
    return judge(entries, Mark(), watches, 10, 100)


@pytest.mark.parametrize(
    ("bid", "ask", "long", "short"),
    [
        (105.0, 106.0, TARGET, STOP),
        (104.9, 105.0, None, STOP),
        (95.0, 95.1, STOP, None),
        (94.0, 95.0, STOP, TARGET),
        (100.0, 100.1, None, None),
    ],
)
def test_a_trade_is_judged_on_the_side_where_it_would_be_closed(
    bid: float, ask: float, long: str | None, short: str | None
) -> None:
    found = once(entry(1, 50, quote(20, bid, ask))).touches

    assert {key: touch.level for key, touch in found.items()} == {
        key: level for key, level in ((1, long), (2, short)) if level
    }


def test_the_first_touch_stands_with_its_time_and_price() -> None:
    found = once(entry(1, 50, quote(20, 100, 101), quote(30, 106.5, 107), quote(40, 90, 91)))

    assert found.touches == {1: Touch(TARGET, 30, 106.5), 2: Touch(STOP, 30, 107.0)}


def test_the_target_counts_before_the_stop_within_one_tick() -> None:
    crossed = Watch(1, "YM", True, 95.0, 105.0, "bid")

    assert once(entry(1, 50, quote(20, 100, 101)), watches=[crossed]).touches[1].level == TARGET


def test_only_ticks_since_the_capture_and_before_the_close_count() -> None:
    outside = entry(1, 200, quote(9, 106, 107), quote(100, 106, 107), quote(150, 90, 91))
    assert once(outside).touches == {}

    inside = entry(1, 200, quote(10, 106, 107))
    assert once(inside).touches[1] == Touch(TARGET, 10, 106.0)


def test_trades_are_judged_by_their_prices_and_unknown_sides_are_passed_over() -> None:
    ticks = [("ES", 20, NAN, 110.0, 111.0), ("ES", 30, 105.0, NAN, NAN), ("YM", 40, 99.0, NAN, NAN)]

    assert once(entry(1, 50, *ticks), watches=[TRADES, LONG]).touches == {3: Touch(TARGET, 30, 105.0)}


def test_a_tick_is_judged_when_everything_before_it_is_out() -> None:
    early = entry(1, 20, quote(15, 100, 101), quote(30, 106, 107))
    late = entry(2, 40, quote(25, 94, 95), first=2)

    first = judge([early], Mark(), [LONG], 10, 100)
    assert first.touches == {}
    assert first.mark == Mark()

    assert judge([entry(9, 20, quote(30, 106, 107), first=7)], first.mark, [LONG], 10, 100).broken == 0

    both = judge([early, late], first.mark, [LONG], 10, 100)
    assert both.touches == {1: Touch(STOP, 25, 94.0)}
    assert both.mark == Mark("2-0", "one", 3, 40)


def test_a_tick_that_breaks_a_promise_counts_for_the_promised_time() -> None:
    promised = entry(1, 40, quote(35, 106, 107))
    late = entry(2, 50, quote(20, 94, 95), first=1)

    for cuts in ([], [1]):
        assert looked_at([promised, late], cuts, [LONG], 10, 100)[1] == Touch(TARGET, 35, 106.0)
        assert looked_at([promised, late], cuts, [Watch(4, "YM", True, 200.0, 95.0, "bid")], 10, 100)[4].at == 20


def test_what_a_run_leaves_open_is_judged_before_the_next_one() -> None:
    old = entry(1, 20, quote(30, 106, 107))
    new = entry(2, 60, quote(25, 94, 95), run="two")

    assert looked_at([old, new], [1], [LONG], 10, 100) == {1: Touch(TARGET, 30, 106.0)}
    assert looked_at([old, new], [], [LONG], 10, 100) == {1: Touch(TARGET, 30, 106.0)}


def test_ticks_that_never_came_are_counted() -> None:
    found = judge([entry(2, 50, quote(20, 100, 101), first=7)], Mark("1-0", "one", 4, 15), [LONG], 10, 100)
    assert (found.lost, found.broken) == (3, 0)

    trimmed = judge([entry(2, 50, quote(20, 100, 101), first=7)], Mark(), [LONG], 10, 100)
    assert (trimmed.lost, trimmed.broken) == (0, 1)

    again = judge([entry(2, 50, quote(20, 106, 107), first=0)], Mark("1-0", "one", 4, 15), [LONG], 10, 100)
    assert (again.lost, again.broken) == (0, 1)
    assert again.touches[1].level == TARGET


def test_silence_moves_the_promise() -> None:
    found = judge([entry(2, 90)], Mark("1-0", "one", 4, 15), [LONG], 10, 100)

    assert (found.promised, found.mark) == (90, Mark("2-0", "one", 4, 90))
    assert judge([], found.mark, [LONG], 10, 100).promised == 90


times = st.integers(0, 120)
prices = st.integers(90, 110).map(float)
ticks = st.tuples(st.sampled_from(["YM", "ES"]), times, prices, prices, prices)


@st.composite
def tapes(draw: st.DrawFn) -> list[tuple[str, TickBatch]]:
    """Draw a stream that may break every promise, over one run or two."""
    found, first, run = [], 0, "one"
    for number in range(draw(st.integers(1, 8))):
        if draw(st.booleans()) and draw(st.booleans()):
            run, first = ("two", 0) if run == "one" else (run, first)
        some = draw(st.lists(ticks, max_size=6))
        found.append(entry(number + 1, draw(times), *some, first=first, run=run))
        first += len(some)
    return found


@settings(max_examples=300)
@given(tapes(), st.lists(st.integers(0, 8), max_size=6))
def test_neither_the_number_of_passes_nor_their_places_matter(
    tape: list[tuple[str, TickBatch]], cuts: list[int]
) -> None:
    watches = [LONG, SHORT, TRADES]

    assert looked_at(tape, cuts, watches, 10, 100) == looked_at(tape, [], watches, 10, 100)


@settings(max_examples=300)
@given(st.lists(ticks, max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_how_the_tape_is_cut_into_batches_does_not_matter_while_promises_are_kept(
    some: list[Tick], cuts: list[int]
) -> None:
    ordered = sorted(some, key=lambda tick: tick[1])
    edges = sorted({0, *(cut for cut in cuts if cut < len(ordered)), len(ordered)})
    pieces = [
        entry(number, ordered[high][1] if high < len(ordered) else 200, *ordered[low:high], first=low)
        for number, (low, high) in enumerate(pairwise(edges), start=1)
    ]
    watches = [LONG, SHORT, TRADES]

    found = looked_at(pieces, range(len(pieces)), watches, 10, 100)

    assert found == {watch.key: touch for watch in watches if (touch := by_loop(ordered, watch))}


def by_loop(ordered: list[Tick], watch: Watch) -> Touch | None:
    """Judge tick by tick, as a person would."""
    for symbol, at, price, bid, ask in ordered:
        seen = {"price": price, "bid": bid, "ask": ask}[watch.column]
        if symbol != watch.symbol or not 10 <= at < 100 or np.isnan(seen):
            continue
        good = seen >= watch.target if watch.is_long else seen <= watch.target
        bad = seen <= watch.stop if watch.is_long else seen >= watch.stop
        if good or bad:
            return Touch(TARGET if good else STOP, at, seen)
    return None
