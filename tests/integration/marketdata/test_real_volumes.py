"""What recorded days are known to hold goes through the feed, Valkey, the fold and the database without a loss."""

import csv
import io
import zipfile
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import feed_through
from thor.marketdata import selectors
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.models import Bar
from thor.marketdata.services import closed_bars, intraday

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.recordings]

DAY = utc("2013-10-07T04:00")
REGULAR = (utc("2013-10-07T13:30"), utc("2013-10-07T20:00"))


def lines(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


def folded(store: redis.Redis, venue: str, files: list[Path], start: str, end: str) -> None:
    """Carry recordings through the stream, the fold and the database."""
    (feed,) = open_feeds("replay", FeedRequest(files=[str(path) for path in files]), venues=[venue])
    feed_through(feed, store, ns(start), ns(end))
    while intraday.step_once(market=venue, at=utc(end)).get("behind"):
        pass
    closed_bars.flush(market=venue, at=utc(end))


def bars(symbol: str) -> list[Bar]:
    return list(selectors.bars(symbol, utc("2013-10-06T00:00"), utc("2013-10-12T00:00")))


def test_every_print_of_spy_counts_also_those_that_are_equal_to_another(store: redis.Redis, lean: Path) -> None:
    path = lean / "equity/usa/tick/spy/20131007_trade.zip"
    prints = lines(path)
    assert (len(prints), len(prints) - len(set(prints))) == (250_601, 47_880)

    folded(store, "us_equities", [path], "2013-10-07T07:00", "2013-10-08T00:30")

    found = {bar.start_at: bar for bar in bars("SPY")}
    assert sum(bar.trades for bar in found.values()) == 250_601
    assert sum(bar.volume for bar in found.values()) == sum(int(line.split(",")[2]) for line in prints)
    busiest, trades = Counter(int(line.split(",")[0]) // 1000 for line in prints).most_common(1)[0]
    minute = busiest // 60
    assert trades == 528
    assert found[DAY + timedelta(minutes=minute)].trades == sum(
        int(line.split(",")[0]) // 60_000 == minute for line in prints
    )


@pytest.mark.parametrize(
    ("symbol", "regular", "whole"),
    [("spy", (390, 2), (828, 3)), ("ibm", (390, 2), (453, 4))],
)
def test_minutes_have_the_volume_of_the_vendor_but_for_a_few(
    store: redis.Redis, lean: Path, symbol: str, regular: tuple[int, int], whole: tuple[int, int]
) -> None:
    """The vendor leaves out trades of some sale conditions; (minutes, minutes that differ)."""
    path = lean / f"equity/usa/tick/{symbol}/20131007_trade.zip"
    folded(store, "us_equities", [path], "2013-10-07T07:00", "2013-10-08T00:30")
    rows = csv.reader(io.StringIO("\n".join(lines(lean / f"equity/usa/minute/{symbol}/20131007_trade.zip"))))
    vendor = {DAY + timedelta(milliseconds=int(row[0])): Decimal(row[5]) for row in rows}
    own = {bar.start_at: bar.volume for bar in bars(symbol.upper())}

    every = vendor.keys() | own.keys()
    within = {at for at in every if REGULAR[0] <= at < REGULAR[1]}
    found = [(len(some), sum(vendor.get(at) != own.get(at) for at in some)) for some in (within, every)]
    assert found == [regular, whole]


def test_es_has_the_known_volume_of_each_session(store: redis.Redis, lean: Path) -> None:
    folder = lean / "future/cme/minute/es"
    files = [folder / f"201310{day:02}_trade.zip" for day in (6, 7, 8, 9)]
    folded(store, "globex", files, "2013-10-06T21:00", "2013-10-09T22:00")

    sessions: Counter[str] = Counter()
    for bar in bars("ES"):
        # A session of that year went from 18:00 to 17:15 in New York, four hours behind UTC, with a halt at 16:15.
        sessions[f"{bar.start_at + timedelta(hours=2):%m-%d}"] += int(bar.volume)
    assert sessions == {"10-07": 790_575, "10-08": 1_170_118, "10-09": 1_225_279}
    halted = [bar.start_at for bar in bars("ES") if "20:15" <= f"{bar.start_at:%H:%M}" < "20:30"]
    assert halted == []
    assert {f"{bar.start_at:%H:%M}" for bar in bars("ES")} >= {"20:14", "20:30", "21:14", "22:00"}
