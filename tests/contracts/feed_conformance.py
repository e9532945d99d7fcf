"""What every feed must do: import `FeedConformance`, and give it a fixture `feed` and one `interval`.

    class TestMyFeed(FeedConformance):
        @pytest.fixture
        def feed(self) -> Feed: ...

        @pytest.fixture
        def interval(self) -> tuple[int, int]: ...     # ns, with ticks in it

A feed that cannot repeat itself (a live source) sets `repeatable = False` and is spared the tests that read twice.
"""

import numpy as np
import pytest

from thor.marketdata import ticks
from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.port import Feed
from thor.marketdata.symbols import canonical
from thor.marketdata.ticks import TickBatch

COLUMNS = ("at", "price", "size", "bid", "ask", "bid_size", "ask_size", "cumulative")


def named(batch: TickBatch) -> list[str]:
    """Return the symbol of each tick."""
    return [batch.symbols[code] for code in batch.code]


def assert_same(left: TickBatch, right: TickBatch) -> None:
    """Compare two batches tick by tick."""
    assert named(left) == named(right)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


class FeedConformance:
    """The suite; see the module."""

    repeatable = True

    def test_it_says_what_it_is(self, feed: Feed) -> None:
        assert feed.venue
        assert feed.source
        assert feed.source == feed.source.upper()
        assert feed.identity.startswith(feed.source)

    def test_ticks_lie_in_the_interval_and_in_order(self, feed: Feed, interval: tuple[int, int]) -> None:
        batch = feed.read(*interval)

        assert len(batch) > 0
        assert batch.at.min() >= interval[0]
        assert batch.at.max() < interval[1]
        assert (np.diff(batch.at) >= 0).all()

    def test_the_watermark_is_a_promise_within_the_interval(self, feed: Feed, interval: tuple[int, int]) -> None:
        batch = feed.read(*interval)

        assert interval[0] <= batch.watermark <= interval[1]
        assert batch.at.max() < batch.watermark

    def test_symbols_are_canonical_and_every_code_has_one(self, feed: Feed, interval: tuple[int, int]) -> None:
        batch = feed.read(*interval)

        assert set(named(batch)) == {canonical(symbol) for symbol in named(batch)}

    def test_every_tick_is_a_trade_or_a_quote_with_sane_figures(self, feed: Feed, interval: tuple[int, int]) -> None:
        batch = feed.read(*interval)

        trade, quote = np.isfinite(batch.price), np.isfinite(batch.bid) | np.isfinite(batch.ask)
        assert (trade | quote).all()
        assert not np.isinf(batch.price).any()
        assert (batch.size[np.isfinite(batch.size)] >= 0).all()
        both = np.isfinite(batch.bid) & np.isfinite(batch.ask)
        assert batch.source == feed.source
        assert np.isfinite(batch.ask[both] - batch.bid[both]).all()

    def test_an_empty_interval_gives_no_ticks_and_no_step_back(self, feed: Feed, interval: tuple[int, int]) -> None:
        batch = feed.read(interval[0], interval[0])

        assert len(batch) == 0
        assert batch.watermark == interval[0]

    def test_a_batch_survives_the_wire(self, feed: Feed, interval: tuple[int, int]) -> None:
        batch = feed.read(*interval)

        assert_same(ticks.decode(ticks.encode(batch)), batch)

    def test_reading_again_gives_the_same_ticks(self, feed: Feed, interval: tuple[int, int]) -> None:
        if not self.repeatable:
            pytest.skip("a live source does not repeat itself")
        assert_same(feed.read(*interval), feed.read(*interval))

    @pytest.mark.parametrize("step", [MINUTE // 7, MINUTE, 100 * MINUTE])
    def test_the_ticks_do_not_depend_on_how_the_interval_is_cut(
        self, feed: Feed, interval: tuple[int, int], step: int
    ) -> None:
        if not self.repeatable:
            pytest.skip("a live source does not repeat itself")
        start, end = interval
        parts, at = [], start
        while at < end:
            parts.append(feed.read(at, min(at + step, end)))
            at = parts[-1].watermark

        assert_same(ticks.concatenate(parts), feed.read(start, end))
