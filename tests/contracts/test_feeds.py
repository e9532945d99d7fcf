"""The feeds in the box pass the suite."""

from pathlib import Path

import numpy as np
import pytest

from tests.contracts.feed_conformance import FeedConformance, assert_same
from tests.integration.marketdata.conftest import ns
from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.port import Feed, FeedRequest, Traded
from thor.marketdata.feeds.recording import expand_trades, recording
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.feeds.simulated import SimulatedFeed

OPEN = ns("2026-03-02T14:30")
EQUITIES = [Traded("SPY", 0.01, "equity"), Traded("IBM", 0.01, "equity")]


@pytest.mark.django_db
class TestSimulated(FeedConformance):
    """Simulated equities around the open of New York."""

    @pytest.fixture
    def feed(self) -> Feed:
        return SimulatedFeed("us_equities", EQUITIES)

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return OPEN - 3 * MINUTE - 12_345, OPEN + 4 * MINUTE + 777

    def test_two_processes_simulate_the_same_market_and_two_seeds_do_not(self, interval: tuple[int, int]) -> None:
        first, second, other = (SimulatedFeed("us_equities", EQUITIES, seed=seed) for seed in (1, 1, 2))

        assert_same(first.read(*interval), second.read(*interval))
        assert first.identity != other.identity
        assert first.read(*interval).price.tolist() != other.read(*interval).price.tolist()

    def test_one_symbol_does_not_depend_on_the_others(self, interval: tuple[int, int]) -> None:
        both = SimulatedFeed("us_equities", EQUITIES).read(*interval)
        alone = SimulatedFeed("us_equities", EQUITIES[1:]).read(*interval)

        assert both.price[both.code == both.symbols.index("IBM")].tolist() == alone.price.tolist()

    def test_nothing_trades_while_the_venue_is_closed(self, feed: Feed) -> None:
        saturday = ns("2026-03-07T15:00")

        assert len(feed.read(saturday, saturday + 60 * MINUTE)) == 0

    def test_trading_is_heavy_at_the_bells_and_thin_outside_regular_hours(self, feed: Feed) -> None:
        def count(start: str) -> int:
            return len(feed.read(ns(start), ns(start) + 20 * MINUTE))

        before, at_open, at_noon = (count(f"2026-03-02T{time}") for time in ("12:00", "14:30", "17:30"))

        assert at_open > 1.5 * at_noon > 5 * before > 0

    def test_prices_lie_on_the_grid_between_a_bid_and_an_ask(self) -> None:
        feed = SimulatedFeed("globex", [Traded("ZB", 0.03125, "future")])

        batch = feed.read(OPEN, OPEN + 30 * MINUTE)

        assert ((batch.price / 0.03125) % 1 == 0).all()
        assert ((batch.bid <= batch.price) & (batch.price <= batch.ask) & (batch.bid < batch.ask)).all()
        assert (batch.size == np.rint(batch.size)).all()

    def test_the_close_before_is_the_last_price_of_the_session_before(self, feed: Feed) -> None:
        last = feed.read(ns("2026-03-03T00:30"), ns("2026-03-03T01:00"))

        feed.read(ns("2026-03-03T14:00"), ns("2026-03-03T14:01"))

        closes = {symbol: known["previous_close"] for symbol, known in feed.reference.items()}
        assert set(closes) == {"SPY", "IBM"}
        for symbol, close in closes.items():
            final = last.price[last.code == last.symbols.index(symbol)][-1]
            assert abs(close / final - 1) < 0.01

    def test_a_day_moves_by_about_a_percent(self) -> None:
        feed = SimulatedFeed("us_equities", EQUITIES[:1])
        days = [ns(f"2026-03-{day:02}T15:00") for day in range(2, 31) if day % 7 not in (0, 1)]

        closes = np.array([feed.read(day, day + 2 * MINUTE).price[-1] for day in days])

        assert 0.003 < np.diff(np.log(closes)).std() < 0.03


class TestReplayOfTicks(FeedConformance):
    """Two symbols whose ticks share instants."""

    @pytest.fixture
    def feed(self) -> Feed:
        random = np.random.default_rng(3)
        made = []
        for symbol in ("SPY", "IBM"):
            at = OPEN + np.sort(random.integers(0, 200, 300)) * 1_000_000_000
            price = random.integers(100, 200, 300) / 4
            made.append(recording(symbol, "us_equities", symbol, "trade", at, price=price, size=np.ones(300)))
        return ReplayFeed("us_equities", made)

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return OPEN, OPEN + 4 * MINUTE


class TestReplayOfBars(FeedConformance):
    """Minutes, each replayed as its open, high, low and close."""

    @pytest.fixture
    def feed(self) -> Feed:
        start = OPEN + np.arange(5) * MINUTE
        ohlc = [np.arange(5) + shift for shift in (10.0, 12.0, 9.0, 11.0)]
        expanded = expand_trades(start, MINUTE, ohlc, np.full(5, 100.0))
        return ReplayFeed("us_equities", [recording("bars", "us_equities", "SPY", "trade", **expanded)])

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return OPEN, OPEN + 5 * MINUTE

    def test_a_bar_is_replayed_in_order_with_its_volume_at_the_close(self, feed: Feed) -> None:
        batch = feed.read(OPEN, OPEN + MINUTE)

        assert batch.price.tolist() == [10.0, 12.0, 9.0, 11.0]
        assert batch.size.tolist() == [0.0, 0.0, 0.0, 100.0]


@pytest.mark.recordings
class TestReplayOfARecordedDay(FeedConformance):
    """IBM's trades and quotes of 2013-10-07."""

    @pytest.fixture
    def feed(self, recordings: Path) -> Feed:
        files = [str(recordings / f"lean/Data/equity/usa/tick/ibm/20131007_{what}.zip") for what in ("trade", "quote")]
        (feed,) = open_feeds("replay", FeedRequest(files=files), venues=["us_equities"])
        return feed

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        return ns("2013-10-07T13:29"), ns("2013-10-07T13:40")
