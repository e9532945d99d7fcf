"""The Alpaca feed passes the suite, on a stand-in that speaks Alpaca's protocol."""

from collections.abc import Iterator

import pytest

from tests.contracts.feed_conformance import FeedConformance
from thor.env import env
from thor.marketdata.feeds import alpaca
from thor.marketdata.feeds.live import GRACE, LiveFeed
from thor.marketdata.feeds.port import Feed, FeedRequest, Traded
from thor.testing.alpaca_stream import AlpacaStream, quote, trade, wait_until
from thor.timing import SystemClock, micros

COINS = [Traded("BTCUSD", 0.01, "crypto"), Traded("ETHUSD", 0.01, "crypto")]
SHARES = [Traded("SPY", 0.01, "equity"), Traded("IBM", 0.01, "equity")]


def open_feed(venue: str, traded: list[Traded]) -> LiveFeed:
    (feed,) = alpaca.open_feeds(FeedRequest(venues=[venue], instruments={venue: traded}))
    assert isinstance(feed, LiveFeed)
    return feed


class _Alpaca(FeedConformance):
    """Ticks of two symbols that have come in out of order within the grace of the feed."""

    repeatable = False
    venue = ""
    traded: list[Traded]
    names: tuple[str, str]

    @pytest.fixture
    def interval(self) -> tuple[int, int]:
        now = micros(SystemClock().now()) * 1000
        return now - 60 * 10**9, now + GRACE

    @pytest.fixture
    def feed(self, monkeypatch: pytest.MonkeyPatch, interval: tuple[int, int]) -> Iterator[Feed]:
        first, second = self.names
        start = interval[0]
        with AlpacaStream() as server:
            for name, value in {
                "alpaca_key_id": "key",
                "alpaca_secret_key": "secret",
                "alpaca_stream_url": server.url,
                "alpaca_data_url": server.http_url,
            }.items():
                monkeypatch.setattr(env(), name, value)
            feed = open_feed(self.venue, self.traded)
            feed.read(start, start)
            server.wait_for_subscribers()
            for number in range(20):
                server.send(
                    trade(first, 100 + number, 1, at=start + number * 10**9),
                    quote(second, 99.5, 100.5 if number % 2 else 0, at=start + (number - 1 if number else 0) * 10**9),
                )
            wait_until(lambda: len(feed._buffer._waiting) == 40)
            yield feed
            feed.rest()

    def test_it_says_which_symbols_it_wants_as_alpaca_writes_them(self, feed: LiveFeed) -> None:
        assert set(feed._link._ours) == set(self.names)


@pytest.mark.django_db(transaction=True)
class TestAlpacaCoins(_Alpaca):
    """Two coins."""

    venue, traded, names = "crypto", COINS, ("BTC/USD", "ETH/USD")


@pytest.mark.django_db(transaction=True)
class TestAlpacaShares(_Alpaca):
    """Two shares."""

    venue, traded, names = "us_equities", SHARES, ("SPY", "IBM")
