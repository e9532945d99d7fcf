"""Items of the queue of bars say exactly what the fold knows."""

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.marketdata import closed
from thor.marketdata.bars import MINUTE, ROW, UNIT
from thor.marketdata.closed import UnreadableBar

prices = st.one_of(
    st.integers(1, 10**7).map(lambda n: n / 100),
    st.integers(1, 10**15).map(lambda n: n / 1e8),
    st.floats(1e-9, 1e11),
    st.integers(-(10**6), -1).map(lambda n: n / 100),
    st.just(0.0),
)
maybe = st.one_of(st.just(float("nan")), prices)
row = st.tuples(prices, prices, prices, prices, maybe, maybe, st.integers(0, 10**16), st.integers(0, 10**30))
NAMES = ("open", "high", "low", "close", "bid", "ask")


def as_told(price: float) -> Decimal | None:
    if price != price:
        return None
    found = Decimal(repr(price))
    return found if found.as_tuple().exponent >= -8 else round(found, 8)  # type: ignore[operator]


@settings(max_examples=200, deadline=None)
@given(st.lists(row, min_size=1, max_size=6))
def test_an_item_read_back_is_what_a_slow_computation_says(drawn: list[tuple[Any, ...]]) -> None:
    rows = np.zeros(len(drawn), ROW)
    for place, figures in enumerate(drawn):
        for name, figure in zip((*NAMES, "volume"), figures[:7], strict=True):
            rows[name][place] = figure
    rows["minute"], rows["trades"], rows["ticks"] = 5 * MINUTE, 2, 3

    found = [closed.decode(item) for item in closed.items(["A"] * len(drawn), rows, [f[7] for f in drawn], "TEST")]

    for bar, figures in zip(found, drawn, strict=True):
        assert [getattr(bar, name) for name in NAMES] == [as_told(figure) for figure in figures[:6]]
        assert bar.volume == Decimal(figures[6]).scaleb(-8)
        with localcontext(prec=80):
            mean = (Decimal(figures[7]).scaleb(-8) / figures[6]).quantize(Decimal("0.000001")) if figures[6] else None
        assert bar.vwap == mean
        spread = None if bar.bid is None or bar.ask is None else bar.ask - bar.bid
        assert (bar.spread, bar.start, bar.trades, bar.ticks) == (spread, 300, 2, 3)


@pytest.mark.parametrize("symbol", ["SPY", 'a"b', "BRK\\B", "Ö", "日経"])
def test_any_symbol_comes_back_as_it_was(symbol: str) -> None:
    rows = np.zeros(1, ROW)
    rows["volume"] = UNIT

    (item,) = closed.items([symbol], rows, [0], 'so"urce')

    assert (closed.decode(item).symbol, closed.decode(item).source) == (symbol, 'so"urce')


@pytest.mark.parametrize(("symbol", "source"), [("S" * 33, "TEST"), ("SPY", "T" * 17)])
def test_what_no_column_can_hold_is_no_bar(symbol: str, source: str) -> None:
    (item,) = closed.items([symbol], np.zeros(1, ROW), [0], source)

    with pytest.raises(UnreadableBar, match="too long"):
        closed.decode(item)
