"""Cumulative volumes become what was traded, once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thor.marketdata.ticks import TickBatch, make
from thor.marketdata.volume import Baseline, with_deltas


def cumulative(*rows: tuple[int, float], symbol: str = "ES", size: float = np.nan) -> TickBatch:
    return make(
        (symbol,),
        code=[0] * len(rows),
        at=[at for at, _ in rows],
        price=[1.0] * len(rows),
        size=[size] * len(rows),
        cumulative=[total for _, total in rows],
        watermark=0,
        source="TEST",
    )


def test_the_first_total_is_attributed_to_nobody() -> None:
    assert with_deltas(cumulative((1, 5000.0), (2, 5010.0)), {}).size.tolist() == [0.0, 10.0]


def test_a_smaller_total_is_a_reset_and_all_of_it_was_traded_since() -> None:
    baseline: Baseline = {"ES": (0, 100.0)}

    assert with_deltas(cumulative((1, 120.0), (2, 7.0), (3, 9.0)), baseline).size.tolist() == [20.0, 7.0, 2.0]
    assert baseline == {"ES": (3, 9.0)}


def test_a_late_snapshot_is_no_reset() -> None:
    baseline: Baseline = {"ES": (10, 100.0)}

    assert with_deltas(cumulative((5, 90.0), (11, 101.0)), baseline).size.tolist() == [0.0, 1.0]
    assert with_deltas(cumulative((6, 95.0)), baseline).size.tolist() == [0.0]
    assert baseline == {"ES": (11, 101.0)}


def test_a_feed_that_tells_sizes_is_believed() -> None:
    assert with_deltas(cumulative((1, 50.0), (2, 90.0), size=3.0), {}).size.tolist() == [3.0, 3.0]


def test_a_size_that_nobody_knows_is_nothing() -> None:
    ticks = make(("A",), code=[0, 0], at=[1, 2], price=[1.0, 1.0], size=[np.nan, np.inf], watermark=0, source="T")

    assert with_deltas(ticks, {}).size.tolist() == [0.0, 0.0]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1000)), min_size=1, max_size=20), st.integers(0, 20))
def test_the_deltas_do_not_depend_on_where_batches_end(rows: list[tuple[int, int]], cut: int) -> None:
    totals = [(at, float(total)) for at, total in rows]
    whole = with_deltas(cumulative(*totals), {}).size.tolist()

    baseline: Baseline = {}
    parts = [with_deltas(cumulative(*part), baseline).size.tolist() for part in (totals[:cut], totals[cut:]) if part]

    assert [size for part in parts for size in part] == whole
