"""Cumulative volumes become what was traded, once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.marketdata.ticks import TickBatch, make
from thor.marketdata.volume import SETTLING, Baseline, with_deltas

#: Sessions of an hour, with a pause of an hour after each (ns).
HOUR = 3600 * 10**9


def session_of(at: int) -> int | None:
    return at // HOUR * HOUR if at // HOUR % 2 == 0 else None


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


def test_a_small_fall_within_a_session_is_a_correction_and_trades_nothing() -> None:
    baseline: Baseline = {"ES": (SETTLING, 1_000_000.0)}
    ticks = cumulative((SETTLING + 1, 999_900.0), (SETTLING + 2, 999_950.0))

    assert with_deltas(ticks, baseline, session_of).size.tolist() == [0.0, 50.0]
    assert baseline == {"ES": (SETTLING + 2, 999_950.0)}


@pytest.mark.parametrize(("left", "traded"), [(100.0, 0.0), (51.0, 0.0), (50.0, 50.0), (3.0, 3.0), (0.0, 0.0)])
def test_a_fall_to_half_or_less_is_a_reset_wherever_it_comes(left: float, traded: float) -> None:
    baseline: Baseline = {"ES": (SETTLING, 100.0)}

    assert with_deltas(cumulative((SETTLING + 1, left)), baseline, session_of).size.tolist() == [traded]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HOUR - 1, 2 * HOUR),  # the last value of one session, the first of the next
        (HOUR - 1, HOUR),  # after the close
        (HOUR, HOUR + 1),  # outside any session
        (2 * HOUR - 1, 2 * HOUR),  # before the open
        (SETTLING - 1, SETTLING),  # the first minutes may still tell the total of yesterday
        (HOUR - 1, 4 * HOUR + 1),  # away for a whole session
    ],
)
def test_a_fall_beside_the_boundary_of_a_session_is_a_reset_however_small(before: int, after: int) -> None:
    baseline: Baseline = {"ES": (before, 100.0)}

    assert with_deltas(cumulative((after, 99.0)), baseline, session_of).size.tolist() == [99.0]


def test_where_no_session_is_known_every_fall_is_a_reset() -> None:
    assert with_deltas(cumulative((SETTLING, 100.0), (SETTLING + 1, 99.0)), {}).size.tolist() == [0.0, 99.0]


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
    totals = [(at * SETTLING // 3, float(total)) for at, total in rows]
    whole = with_deltas(cumulative(*totals), {}, session_of).size.tolist()

    baseline: Baseline = {}
    parts = [
        with_deltas(cumulative(*part), baseline, session_of).size.tolist()
        for part in (totals[:cut], totals[cut:])
        if part
    ]

    assert [size for part in parts for size in part] == whole
