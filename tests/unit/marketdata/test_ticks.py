"""Batches survive the wire, and what is no batch is refused with a reason."""

import numpy as np
import pytest

from thor.marketdata import ticks
from thor.marketdata.ticks import TickBatch, UnreadableBatch


def a_batch() -> TickBatch:
    return ticks.make(
        ("SPY", "IBM", "never seen"),
        code=[0, 1, 0],
        at=[10, 20, 20],
        price=[167.41, np.nan, 167.42],
        size=[100.0, np.nan, 0.5],
        bid=[np.nan, 181.5, np.nan],
        watermark=30,
        source="TEST",
    ).stamped(run="run", first=7)


def test_a_batch_comes_back_from_the_wire_as_it_was() -> None:
    sent = a_batch()

    came = ticks.decode(ticks.encode(sent))

    assert came.symbols == ("SPY", "IBM")
    assert (came.watermark, came.source, came.run, came.first) == (30, "TEST", "run", 7)
    for name in ("code", "at", "price", "size", "bid", "ask", "cumulative"):
        np.testing.assert_array_equal(getattr(came, name), getattr(sent, name))


def test_a_batch_without_ticks_carries_its_watermark() -> None:
    came = ticks.decode(ticks.encode(ticks.empty(watermark=99, source="TEST")))

    assert len(came) == 0
    assert came.watermark == 99


def test_columns_in_which_nothing_is_known_are_not_sent() -> None:
    assert set(ticks.encode(a_batch())) == {b"h", b"w", b"code", b"at", b"price", b"size", b"bid"}


def test_joining_batches_keeps_order_and_merges_symbols() -> None:
    left = ticks.make(("A", "B"), code=[1, 0], at=[1, 2], price=[1.0, 2.0], watermark=5, source="T")
    right = ticks.make(("C", "A"), code=[0, 1], at=[3, 4], price=[3.0, 4.0], watermark=9, source="T")

    both = ticks.concatenate([left, ticks.empty(watermark=6, source="T"), right])

    assert [both.symbols[code] for code in both.code] == ["B", "A", "C", "A"]
    assert both.price.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert both.watermark == 9


@pytest.mark.parametrize(
    "damage",
    [
        {b"h": b"not json"},
        {b"h": b'{"v": 2}'},
        {b"w": b"soon"},
        {b"at": b"1234567"},
        {b"price": b"\0" * 8},
        {b"code": b"\xff\xff" * 3},
    ],
)
def test_a_damaged_entry_is_refused(damage: dict[bytes, bytes]) -> None:
    with pytest.raises(UnreadableBatch):
        ticks.decode({**ticks.encode(a_batch()), **damage})
