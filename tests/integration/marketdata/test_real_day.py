"""A recorded day, through the feed, Valkey, the fold and the database, against a computation of its own."""

import csv
import io
import zipfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import feed_through
from thor.marketdata import selectors
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.models import Bar
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services import closed_bars, intraday

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.recordings]

VENUE = "us_equities"
START, END = "2013-10-07T07:00", "2013-10-08T00:30"
FIELDS = ("open", "high", "low", "close", "volume", "trades", "vwap", "ticks")


def tick_files(lean: Path, *symbols: str) -> list[str]:
    return [str(lean / f"equity/usa/tick/{symbol}/20131007_trade.zip") for symbol in symbols]


def independent_bars(path: str) -> dict[datetime, tuple[Any, ...]]:
    """Fold a file of ticks with csv and Decimal alone: 2013-10-07 was four hours behind UTC in New York."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    minutes = defaultdict(list)
    for row in csv.reader(io.StringIO(text)):
        at = datetime(2013, 10, 7, 4, tzinfo=UTC) + timedelta(milliseconds=int(row[0]))
        minutes[at.replace(second=0, microsecond=0)].append((Decimal(row[1]) / 10_000, Decimal(row[2])))
    bars = {}
    for minute, trades in minutes.items():
        prices = [price for price, _ in trades]
        volume = sum((size for _, size in trades), Decimal(0))
        turnover = sum((price * size for price, size in trades), Decimal(0))
        vwap = (turnover / volume).quantize(Decimal("0.000001"))
        bars[minute] = (prices[0], max(prices), min(prices), prices[-1], volume, len(prices), vwap, len(prices))
    return bars


def stored_bars(symbol: str) -> dict[datetime, tuple[Any, ...]]:
    rows = selectors.bars(symbol, utc("2013-10-07T00:00"), utc("2013-10-09T00:00"))
    return {bar.start_at: tuple(getattr(bar, name) for name in FIELDS) for bar in rows}


def test_replayed_ticks_give_the_bars_of_an_independent_computation(store: redis.Redis, lean: Path) -> None:
    files = tick_files(lean, "spy", "ibm")
    (feed,) = open_feeds("replay", FeedRequest(files=files), venues=[VENUE])
    publisher = Publisher(feed, store, "here", Begin("run", at=ns(START)))

    # Fifty-odd looks at the day, each 20 minutes of it, with the flush every third time.
    now, end, looks = ns(START), ns(END), 0
    while now < end:
        now, looks = min(now + 20 * 60 * 10**9, end), looks + 1
        while publisher.turn(now):
            pass
        at = datetime.fromtimestamp(now / 1e9, UTC)
        intraday.step_once(market=VENUE, at=at)
        if looks % 3 == 0:
            closed_bars.flush(market=VENUE, at=at)
    closed_bars.flush(market=VENUE, at=utc(END))

    for symbol, path in zip(("SPY", "IBM"), files, strict=True):
        expected = independent_bars(path)
        assert stored_bars(symbol) == expected
        assert len(expected) > 400
    assert set(Bar.objects.values_list("source", flat=True)) == {"REPLAY"}


def test_the_regular_hours_of_spy_have_the_known_vwap(store: redis.Redis, lean: Path) -> None:
    (feed,) = open_feeds("replay", FeedRequest(files=tick_files(lean, "spy")), venues=[VENUE])

    feed_through(feed, store, ns(START), ns(END))
    closed_bars.flush(market=VENUE, at=utc(END))

    found = selectors.session_vwap("SPY", utc("2013-10-07T13:30"), utc("2013-10-07T20:00"))
    assert found == Decimal("167.9302")


def test_seconds_rebuild_the_minutes_of_the_vendor(store: redis.Redis, lean: Path) -> None:
    second, minute = (lean / f"equity/usa/{name}/spy/20131007_trade.zip" for name in ("second", "minute"))
    (feed,) = open_feeds("replay", FeedRequest(files=[str(second)]), venues=[VENUE])

    feed_through(feed, store, ns(START), ns(END))
    closed_bars.flush(market=VENUE, at=utc(END))

    with zipfile.ZipFile(minute) as archive:
        vendor = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    expected = {
        datetime(2013, 10, 7, 4, tzinfo=UTC) + timedelta(milliseconds=int(row[0])): [
            Decimal(cell) / 10_000 for cell in row[1:5]
        ]
        for row in vendor
    }
    found = selectors.bars("SPY", utc("2013-10-07T00:00"), utc("2013-10-09T00:00"))
    assert {bar.start_at: [bar.open, bar.high, bar.low, bar.close] for bar in found} == expected
    assert len(expected) == 828
    assert sum(bar.volume for bar in found) == 92_720_576


@pytest.mark.parametrize("venue_files", [("globex", "future/comex/tick/gc/20131007_trade.zip", "GC")])
def test_futures_ticks_are_folded_with_their_empty_sizes(
    store: redis.Redis, lean: Path, venue_files: tuple[str, str, str]
) -> None:
    venue, name, symbol = venue_files
    (feed,) = open_feeds("replay", FeedRequest(files=[str(lean / name)]), venues=[venue])

    feed_through(feed, store, ns("2013-10-07T00:00"), ns("2013-10-08T01:00"))
    closed_bars.flush(market=venue, at=utc("2013-10-08T01:00"))

    with zipfile.ZipFile(lean / name) as archive:
        longest = max(archive.infolist(), key=lambda entry: entry.file_size)
        rows = list(csv.reader(io.StringIO(archive.read(longest).decode())))
    bars = selectors.bars(symbol, utc("2013-10-07T00:00"), utc("2013-10-09T00:00"))
    assert sum(bar.volume for bar in bars) == sum(Decimal(row[2]) for row in rows)
    assert sum(bar.trades for bar in bars) == len(rows)
    assert all((bar.vwap is None) == (bar.volume == 0) for bar in bars)
