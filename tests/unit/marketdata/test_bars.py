"""The kernel against a slow, obvious computation."""

from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.marketdata import bars
from thor.marketdata.bars import MINUTE, UNIT
from thor.marketdata.ticks import TickBatch, make

prices = st.one_of(
    st.none(), st.integers(1, 10**7).map(lambda n: n / 100), st.integers(1, 10**12).map(lambda n: n / 1e8)
)
sizes = st.one_of(st.integers(0, 10**6).map(float), st.integers(0, 10**12).map(lambda n: n / 1e8))
quotes = st.one_of(st.none(), st.integers(1, 1000).map(float))
tick = st.tuples(st.integers(0, 3), st.integers(0, 4 * MINUTE), prices, sizes, quotes, quotes)


def batch_of(ticks: list[tuple[Any, ...]]) -> TickBatch:
    code, at, price, size, bid, ask = (list(column) for column in zip(*ticks, strict=True))
    number = lambda column: [np.nan if value is None else value for value in column]  # noqa: E731
    return make(
        ("A", "B", "C", "D"),
        code=code,
        at=at,
        price=number(price),
        size=size,
        bid=number(bid),
        ask=number(ask),
        watermark=0,
        source="TEST",
    )


def slowly(ticks: list[tuple[Any, ...]]) -> dict[tuple[int, int], tuple[Any, ...]]:
    groups = defaultdict(list)
    for row in ticks:
        groups[row[0], row[1] // MINUTE * MINUTE].append(row)
    found = {}
    for key, rows in groups.items():
        rows.sort(key=lambda row: row[1])
        trades = [row for row in rows if row[2] is not None]
        units = [(round(row[2] * UNIT), round(row[3] * UNIT)) for row in trades]
        found[key] = (
            [row[2] for row in trades][:1],
            [row[2] for row in trades][-1:],
            max((row[2] for row in trades), default=None),
            min((row[2] for row in trades), default=None),
            sum(size for _, size in units),
            sum(price * size for price, size in units),
            len(trades),
            len(rows),
            [row[4] for row in rows if row[4] is not None][-1:],
            [row[5] for row in rows if row[5] is not None][-1:],
        )
    return found


def known(value: Any) -> list[float]:
    return [] if np.isnan(value) else [float(value)]


@settings(max_examples=300, deadline=None)
@given(st.lists(tick, min_size=1, max_size=60), st.booleans())
def test_the_kernel_agrees_with_a_slow_computation(ticks: list[tuple[Any, ...]], in_order: bool) -> None:
    if in_order:
        ticks.sort(key=lambda row: row[1])

    assert plain(bars.fold(batch_of(ticks))) == slowly(ticks)


@settings(max_examples=200, deadline=None)
@given(st.lists(tick, min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 4))
def test_pieces_and_ways_of_sorting_change_nothing(ticks: list[tuple[Any, ...]], piece: int, few: int) -> None:
    ticks.sort(key=lambda row: row[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bars, "PIECE", piece)
        patch.setattr(bars, "FEW", few)
        found = bars.fold(batch_of(ticks))

    assert plain(found) == slowly(ticks)
    assert list(zip(found.code, found.rows["minute"], strict=True)) == sorted(plain(found))


def test_many_ticks_of_few_minutes_are_grouped_by_searching() -> None:
    random = np.random.default_rng(3)
    at = np.sort(random.integers(0, 5 * MINUTE, 900)).tolist()
    ticks = [(n % 3, when, (100 + n % 7) / 4, float(n % 5), None, None) for n, when in enumerate(at)]

    assert plain(bars.fold(batch_of(ticks))) == slowly(ticks)


def plain(folded: bars.Folded) -> dict[tuple[int, int], tuple[Any, ...]]:
    found = {}
    for code, row, turnover in zip(folded.code, folded.rows, folded.turnover, strict=True):
        found[int(code), int(row["minute"])] = (
            known(row["open"]),
            known(row["close"]),
            None if np.isnan(row["high"]) else float(row["high"]),
            None if np.isnan(row["low"]) else float(row["low"]),
            int(row["volume"]),
            turnover,
            int(row["trades"]),
            int(row["ticks"]),
            known(row["bid"]),
            known(row["ask"]),
        )
    return found


def test_nothing_folds_to_nothing() -> None:
    assert len(bars.fold(make((), code=[], at=[], price=[], watermark=0, source="TEST"))) == 0


@given(
    st.lists(st.tuples(st.integers(-(2**55), 2**55), st.integers(0, 2**50)), min_size=1, max_size=40),
    st.integers(1, 5),
)
def test_sums_of_products_are_exact_beyond_64_bits(pairs: list[tuple[int, int]], width: int) -> None:
    left, right = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    starts = np.arange(0, len(pairs), width)

    found = bars.product_sums(left, right, starts, width)

    assert found.tolist() == [sum(a * b for a, b in pairs[at : at + width]) for at in starts]


def test_the_vwap_of_a_coin_is_exact() -> None:
    ticks = make(
        ("BTCUSD",),
        code=[0] * 3,
        at=[1, 2, 3],
        price=[611.78, 611.91, 0.1],
        size=[1.13872, 0.00001, 3e-8],
        watermark=0,
        source="T",
    )

    turnover = bars.fold(ticks).turnover[0]

    exact = sum(
        Fraction(p) * Fraction(s) for p, s in (("611.78", "1.13872"), ("611.91", "0.00001"), ("0.1", "0.00000003"))
    )
    assert Fraction(turnover, UNIT * UNIT) == exact
