"""The guard at the feed's edge: what passes, what is dropped, what waits for confirmation."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.marketdata.conftest import ns
from thor.marketdata import guard as guards
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.guard import Guard, Judged
from thor.marketdata.levels import KnownSplit
from thor.marketdata.ticks import TickBatch, concatenate, make

T0 = ns("2014-06-09T13:30")
SECOND = 10**9
DAY = 86_400 * SECOND
SEVEN = KnownSplit(T0 - 10 * 3600 * SECOND, T0 + 10 * 3600 * SECOND, 7.0)


def trades(*prices: float, symbol: str = "AAPL", at: int = T0) -> TickBatch:
    count = len(prices)
    return make(
        (symbol,),
        code=[0] * count,
        at=[at + number * SECOND for number in range(count)],
        price=prices,
        size=[100.0] * count,
        watermark=at + count * SECOND,
        source="TEST",
    )


def passed(judged: Judged) -> list[float]:
    return judged.batch.price.tolist()


def found(judged: Judged) -> list[tuple[str, int]]:
    return [(one.kind, one.count) for one in judged.findings]


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), -float("inf"), 1e300])
def test_a_price_that_can_be_none_is_dropped(wrong: float) -> None:
    judged = Guard().judge(trades(10.0, wrong, 10.1))

    assert passed(judged) == [10.0, 10.1]
    assert found(judged) == [("bad_price", 1)]
    assert judged.findings[0].symbol == "AAPL"


def test_a_side_that_can_be_none_is_blanked_and_the_rest_stands() -> None:
    batch = replace(trades(10.0, np.nan, np.nan), bid=np.array([0.0, 9.0, -1.0]), ask=np.array([11.0, np.inf, 0.0]))
    batch = replace(batch, size=np.array([1.0, np.nan, np.nan]), bid_size=np.array([5.0, 6.0, 7.0]))

    judged = Guard().judge(batch)

    np.testing.assert_array_equal(judged.batch.bid, [np.nan, 9.0])
    np.testing.assert_array_equal(judged.batch.bid_size, [np.nan, 6.0])
    np.testing.assert_array_equal(judged.batch.ask, [11.0, np.nan])
    assert {kind for kind, _ in found(judged)} == {"bad_price"}


def test_a_size_that_can_be_none_costs_the_size_alone() -> None:
    judged = Guard().judge(replace(trades(10.0, 10.0), size=np.array([-5.0, np.inf])))

    assert passed(judged) == [10.0, 10.0]
    assert np.isnan(judged.batch.size).all()
    assert found(judged) == [("bad_price", 2)]


def test_crossed_and_locked_quotes_pass() -> None:
    quotes = replace(trades(np.nan, np.nan), bid=np.array([11.0, 10.0]), ask=np.array([10.0, 10.0]))

    judged = Guard().judge(replace(quotes, size=np.full(2, np.nan)))

    assert (len(judged.batch), found(judged)) == (2, [])


def test_a_lone_print_far_off_is_held_back() -> None:
    judged = Guard().judge(trades(100.0, 151.0, 100.5, 49.0, 20.0, 101.0))

    assert passed(judged) == [100.0, 100.5, 101.0]
    assert sum(count for _, count in found(judged)) == 3


def test_three_prices_that_agree_are_a_real_move() -> None:
    judged = Guard().judge(trades(100.0, 160.0, 165.0, 170.0, 171.0))

    assert passed(judged) == [100.0, 170.0, 171.0]
    assert found(judged) == [("jump", 2)]
    assert "taken as the new level" in judged.findings[0].detail


def test_three_prices_that_do_not_agree_confirm_nothing() -> None:
    judged = Guard().judge(trades(100.0, 160.0, 180.0, 199.0, 220.0, 242.1, 100.0))

    assert passed(judged) == [100.0, 100.0]


def test_a_move_of_half_is_no_jump() -> None:
    assert passed(Guard().judge(trades(100.0, 150.0, 80.0))) == [100.0, 150.0, 80.0]


def test_a_split_that_nobody_entered_is_named_and_needs_confirmation() -> None:
    judged = Guard().judge(trades(645.57, 92.4, 92.5, 92.3, 92.6))

    assert passed(judged) == [645.57, 92.3, 92.6]
    assert found(judged) == [("split", 2)]
    assert "7:1" in judged.findings[0].detail
    assert "Market data, Splits: AAPL, 2014-06-09, 7:1" in judged.findings[0].detail


def test_an_entered_split_is_taken_at_once_and_old_prices_are_far_off_then() -> None:
    guard = Guard({"AAPL": [SEVEN]})
    guard.judge(trades(645.57, at=T0 - DAY))

    judged = guard.judge(trades(645.57, 92.4, 92.5))

    assert passed(judged) == [92.4, 92.5]
    assert found(judged) == [("split", 1)]


def test_an_entered_split_is_taken_at_once_also_within_its_session() -> None:
    judged = Guard({"AAPL": [SEVEN]}).judge(trades(645.57, 92.4, 92.5))

    assert (passed(judged), found(judged)) == ([645.57, 92.4, 92.5], [])


def test_an_entered_reverse_split_is_taken_at_once() -> None:
    guard = Guard({"AIG": [KnownSplit(T0, T0 + DAY, 1 / 20)]})

    judged = guard.judge(trades(1.16, 22.9, 23.1, symbol="AIG"))

    assert (passed(judged), found(judged)) == ([1.16, 22.9, 23.1], [])


def test_after_ten_days_of_nothing_there_is_nothing_to_compare_with() -> None:
    guard = Guard()
    guard.judge(trades(10.0, at=T0 - 11 * DAY))

    assert passed(guard.judge(trades(30.0, 31.0))) == [30.0, 31.0]


def test_a_split_of_another_day_excuses_nothing() -> None:
    judged = Guard({"AAPL": [KnownSplit(T0 + DAY, T0 + 2 * DAY, 7.0)]}).judge(trades(645.57, 92.4))

    assert passed(judged) == [645.57]


def test_what_is_ahead_of_the_clock_gets_the_time_of_the_clock_in_order() -> None:
    batch = replace(trades(1.0, 2.0, 3.0, 4.0), at=np.array([T0, T0 + 60 * SECOND, T0 + 61 * SECOND, T0 + 90 * SECOND]))
    batch = replace(batch, watermark=T0 + 62 * SECOND)

    stamped, findings = guards.on_time(batch, T0 + 61 * SECOND)

    assert stamped.at.tolist() == [T0, T0 + 60 * SECOND, T0 + 61 * SECOND, T0 + 61 * SECOND]
    assert stamped.price.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert [(one.kind, one.count) for one in findings] == [("ahead", 1)]


def test_a_guard_goes_on_with_what_another_has_left() -> None:
    first, second = Guard(), Guard()
    judged = first.judge(trades(100.0, 200.0, 201.0))
    second.resume(judged.held)
    second.learn([("AAPL", 100.0, T0)])

    assert passed(second.judge(trades(202.0, 203.0))) == [202.0, 203.0]


PRICES = st.sampled_from([10.0, 10.5, 11.5, 5.0, 5.1, 5.2, 16.0, 20.0, 20.1, 70.0, 1.43, -1.0, 0.0, np.inf, np.nan])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("AB"), PRICES), max_size=40), st.sets(st.integers(0, 40)), st.booleans())
def test_the_verdicts_do_not_depend_on_how_batches_are_cut(
    ticks: list[tuple[str, float]], cuts: set[int], entered: bool
) -> None:
    splits = {"A": [KnownSplit(T0 + 20, T0 + 40, 7.0)]} if entered else {}
    at = T0 + np.arange(len(ticks))
    whole = make(
        ("A", "B"),
        code=["AB".index(symbol) for symbol, _ in ticks],
        at=at,
        price=[price for _, price in ticks],
        bid=[price * 2 for _, price in ticks],
        watermark=T0 + 100,
        source="TEST",
    )
    edges = sorted({0, len(ticks), *(cut for cut in cuts if cut < len(ticks))})

    together = Guard(splits).judge(whole)
    parts, counts, held, known = [], {}, "", {}
    for start, stop in itertools.pairwise(edges):
        # Each batch is judged by a process of its own, which knows what was published alone.
        guard = Guard(splits)
        guard.resume(held)
        guard.learn((symbol, *known.get(symbol, (None, 0))) for symbol in "AB")
        judged = guard.judge(whole.slice(start, stop, watermark=T0 + 100))
        held = judged.held
        parts.append(judged.batch)
        for one in judged.findings:
            counts[one.symbol, one.kind] = counts.get((one.symbol, one.kind), 0) + one.count
        for code, price, when in zip(judged.batch.code, judged.batch.price, judged.batch.at, strict=True):
            if price == price:
                known["AB"[code]] = (float(price), int(when))

    if parts:
        np.testing.assert_array_equal(concatenate(parts).at, together.batch.at)
    expected: dict[tuple[str, str], int] = {}
    for one in together.findings:
        expected[one.symbol, one.kind] = expected.get((one.symbol, one.kind), 0) + one.count
    assert {key: count for key, count in counts.items() if count} == {k: c for k, c in expected.items() if c}
    assert held == together.held


@pytest.mark.recordings
@pytest.mark.parametrize(
    "name",
    [
        *(f"equity/usa/tick/{symbol}/20131007_trade.zip" for symbol in ("spy", "ibm", "bac", "aig")),
        "equity/usa/tick/ibm/20131007_quote.zip",
        "crypto/coinbase/minute/btcusd/*_trade.zip",
        "crypto/coinbase/second/btcusd/*_trade.zip",
        "future/comex/tick/gc/*_trade.zip",
        "future/cme/minute/es/2013*_trade.zip",
        "index/usa/minute/spx/*.zip",
        "equity/usa/minute/*/2013*_trade.zip",
    ],
)
def test_recorded_ticks_pass_untouched(recordings: Path, name: str) -> None:
    feeds = open_feeds(
        "replay",
        FeedRequest(files=[str(recordings / "lean/Data" / name)]),
        venues=["us_equities", "crypto", "globex"],
    )
    for feed in feeds:
        batch = feed.read(0, ns("2100-01-01T00:00"))
        guard = Guard()

        judged = [guard.judge(batch.slice(n, n + 10_000, watermark=0)) for n in range(0, len(batch), 10_000)]

        assert sum(len(one.batch) for one in judged) == len(batch) > 0
        assert [one.findings for one in judged if one.findings] == []
        assert {one.held for one in judged} == {""}


@pytest.mark.recordings
@pytest.mark.parametrize(("entered", "dropped"), [(True, 2), (False, 2)])
def test_the_false_print_of_apple_on_the_day_of_its_split(recordings: Path, entered: bool, dropped: int) -> None:
    """Bars of 04:00: open and high 645.57 in old shares, low and close 92 in new ones.

    Where the split is entered, the two false prices are dropped. Where it is not, they look like the level of Friday,
    and the first two real ones are held back until the third confirms them.
    """
    files = [str(recordings / f"lean/Data/equity/usa/minute/aapl/{day}_trade.zip") for day in ("20140606", "20140609")]
    (feed,) = open_feeds("replay", FeedRequest(files=files), venues=["us_equities"])
    batch = feed.read(0, ns("2100-01-01T00:00"))
    split = KnownSplit(ns("2014-06-07T00:00"), ns("2014-06-10T00:00"), 7.0)

    judged = Guard({"AAPL": [split]} if entered else {}).judge(batch)

    assert len(batch) - len(judged.batch) == dropped
    assert found(judged) == [("split", dropped)]
    monday = judged.batch.price[judged.batch.at >= ns("2014-06-09T00:00")]
    assert (monday.max() > 600) == (not entered)
    assert round(float(monday[10:].max()), 2) == 93.88


def test_a_clean_batch_is_handed_on_as_it_is() -> None:
    random = np.random.default_rng(1)
    count = 10_000
    symbols = tuple(f"S{number}" for number in range(100))
    code = random.integers(0, 100, count)
    price = 100 + code + random.normal(0, 0.1, count)
    batch = make(
        symbols,
        code=code,
        at=T0 + np.arange(count),
        price=price,
        size=np.ones(count),
        bid=price - 0.01,
        ask=price + 0.01,
        watermark=T0 + count,
        source="TEST",
    )
    guard = Guard()
    judged = guard.judge(batch)

    assert judged.batch is batch
    assert judged.findings == []
