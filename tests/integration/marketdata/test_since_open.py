"""Volume, high, low and percentages since an open: pass by pass, after resets and gaps, and over a recorded day."""

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.opening import (
    CLOSE,
    DAY,
    OPEN,
    SECOND,
    T0,
    T1,
    around,
    before_the_open,
    quotes,
    row,
    watch,
)
from tests.integration.marketdata.publishing import Script
from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.models import Capture, Instrument
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services import closed_bars, intraday
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_metrics import update_market_metrics
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.session_volume import update_session_volume
from thor.marketdata.ticks import make

pytestmark = pytest.mark.django_db(transaction=True)

USA: dict[str, Any] = {"market": "usa", "session_date": DAY}
BOTH: list[Callable[..., dict[str, Any]]] = [update_session_volume, update_market_metrics]
METRICS = ("session_high", "session_low", "session_range", "high_pct_open", "low_pct_open", "range_pct")


@pytest.fixture
def script(store: redis.Redis) -> Script:
    return Script(store)


def opened(script: Script, **prices: float) -> None:
    """Capture an open at these prices."""
    watch(*prices)
    before_the_open(script, **prices)
    capture_open(at=OPEN, **USA)


def trade(script: Script, second: float, price: float, symbol: str = "SPY") -> datetime:
    """Publish and fold a trade of ten, so many seconds after the open; return its time."""
    at = T0 + round(second * SECOND)
    script.append(quotes(at + 1, around(symbol, at, price)))
    when = datetime.fromtimestamp(at / 1e9, UTC)
    intraday.step_once(market="us_equities", at=when)
    return when


def metrics(symbol: str = "SPY") -> tuple[Any, ...]:
    return tuple(getattr(row(symbol), name) for name in METRICS)


@pytest.mark.parametrize("update", BOTH)
def test_without_a_capture_a_pass_waits_for_it(script: Script, update: Callable[..., dict[str, Any]]):
    assert update(at=OPEN, **USA) == {"rows": 0, "waiting": "capture"}


def test_a_date_without_a_session_has_nothing_to_follow(script: Script):
    saturday = DAY + timedelta(days=5)

    assert update_market_metrics(market="usa", at=OPEN, session_date=saturday) == {"rows": 0, "waiting": "open"}


def test_before_the_first_trade_there_is_no_volume_and_no_high(script: Script):
    opened(script, SPY=100.0)

    update_session_volume(at=OPEN, **USA)
    update_market_metrics(at=OPEN, **USA)

    assert row("SPY").session_volume == 0
    assert metrics() == (None,) * 6
    assert row("SPY").session_open == 100


def test_figures_are_of_the_trades_since_the_open(script: Script):
    opened(script, SPY=100.0)

    for second, price in enumerate((101.0, 105.0, 103.0), start=1):
        at = trade(script, second, price)
        assert update_session_volume(at=at, **USA) == {"rows": 1}
        assert update_market_metrics(at=at, **USA) == {"rows": 1}

    assert row("SPY").session_volume == 30
    assert metrics() == (105, 101, 4, 5, Decimal("1.9802"), 4)


def test_a_high_below_the_open_has_risen_by_nothing(script: Script):
    opened(script, SPY=200.0)
    update_market_metrics(at=trade(script, 1, 199.0), **USA)

    assert metrics() == (199, 199, 0, 0, 0, 0)


def test_the_same_pass_twice_late_or_folded_into_one_leaves_the_same(script: Script):
    opened(script, SPY=100.0)
    for second, price in enumerate((101.0, 105.0, 103.0), start=1):
        at = trade(script, second, price)

    assert [update(at=at, **USA)["rows"] for update in BOTH * 2] == [1, 1, 0, 0]
    early = OPEN + timedelta(seconds=1)
    assert [update(at=early, **USA)["rows"] for update in BOTH] == [0, 0]
    assert (row("SPY").session_volume, metrics()[0]) == (30, 105)


def test_total_and_rows_that_did_not_trade_stay_as_they_are(script: Script):
    opened(script, SPY=100.0, IBM=50.0)

    update_market_metrics(at=trade(script, 1, 101.0), **USA)

    assert metrics("IBM") == (None,) * 6
    assert metrics("TOTAL") == (None,) * 6


def test_a_counter_of_the_source_that_starts_again_from_zero_loses_nothing(script: Script):
    watch("SPY")

    def count(at: int, cumulative: float) -> None:
        columns = {"code": [0], "at": [at], "price": [100.0], "cumulative": [cumulative]}
        script.append(make(("SPY",), **columns, watermark=at + SECOND, source="TEST"))

    for at, cumulative in ((T0 - 2 * MINUTE, 5000.0), (T0 - MINUTE, 5200.0), (T0 - SECOND, 5300.0)):
        count(at, cumulative)
    capture_open(at=OPEN, **USA)
    for second, cumulative in ((1, 5340.0), (2, 5400.0), (3, 70.0), (4, 90.0)):
        count(T0 + second * SECOND, cumulative)
    intraday.step_once(market="us_equities", at=OPEN + timedelta(seconds=5))

    update_session_volume(at=OPEN + timedelta(seconds=5), **USA)

    assert row("SPY").session_volume == 100 + 90
    assert row("SPY").volume == 300


def test_minutes_that_have_left_the_fold_count_once(script: Script):
    opened(script, SPY=100.0)
    for minute in range(0, 40, 5):
        at = trade(script, minute * 60 + 1, 100.0 + minute)
        closed_bars.flush(market="us_equities", at=at)
        update_session_volume(at=at, **USA)
    update_market_metrics(at=at, **USA)

    assert row("SPY").session_volume == 80
    assert metrics()[:2] == (135, 100)


def test_a_new_run_of_the_feed_takes_nothing_back(script: Script):
    opened(script, SPY=100.0)
    for second, price in ((1, 105.0), (2, 99.0)):
        at = trade(script, second, price)
    for update in BOTH:
        update(at=at, **USA)

    script.run = "two"
    at = trade(script, 70, 104.0)
    for update in BOTH:
        update(at=at, **USA)

    assert (row("SPY").session_volume, *metrics()[:2]) == (30, 105, 99)


@pytest.mark.parametrize("update", BOTH)
def test_after_the_close_was_captured_nothing_changes(script: Script, update: Callable[..., dict[str, Any]]):
    opened(script, SPY=100.0)
    trade(script, 1, 101.0)
    script.append(quotes(T1, around("SPY", T1 - SECOND, 103.0)))
    capture_close(at=CLOSE, **USA)
    before = Capture.objects.values().get(symbol="SPY")
    Capture.objects.filter(symbol="SPY").update(session_volume=7, session_high=7)

    assert update(at=CLOSE - timedelta(seconds=1), **USA) == {"rows": 0, "closed": CLOSE.isoformat()}
    assert (row("SPY").session_volume, row("SPY").session_high) == (7, 7)
    assert (before["session_volume"], before["session_high"]) == (20, 103)


def test_what_trades_after_the_close_does_not_count(script: Script):
    opened(script, SPY=100.0)
    trade(script, 1, 101.0)
    script.append(quotes(T1 + 2 * SECOND, around("SPY", T1 + SECOND, 999.0)))
    closed_bars.flush(market="us_equities", at=CLOSE + timedelta(minutes=2))

    update_market_metrics(at=CLOSE - timedelta(seconds=10), **USA)

    assert metrics()[0] == 101


def test_a_feed_that_is_behind_is_named(script: Script):
    opened(script, SPY=100.0)

    assert update_session_volume(at=OPEN + timedelta(seconds=61), **USA)["waiting"] == ["us_equities"]


def regular_minutes(path: Path) -> list[tuple[Decimal, ...]]:
    """Return open, high, low, close and volume of 09:30 to 16:00 in New York, with csv and Decimal alone."""
    with zipfile.ZipFile(path) as archive:
        cells = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    start, end = (hour * 60_000 for hour in (9 * 60 + 30, 16 * 60))
    prices = [
        [*(Decimal(cell) / 10_000 for cell in row[1:5]), Decimal(row[5])] for row in cells if start <= int(row[0]) < end
    ]
    return [tuple(row) for row in prices]


@pytest.mark.recordings
def test_a_recorded_day_adds_up_to_an_independent_computation(store: redis.Redis, lean: Path):
    files = {symbol: lean / f"equity/usa/minute/{symbol.lower()}/20131007_trade.zip" for symbol in ("SPY", "IBM")}
    Instrument.objects.update(captured=False)
    Instrument.objects.filter(symbol__in=files).update(captured=True)
    (feed,) = open_feeds("replay", FeedRequest(files=[str(path) for path in files.values()]), venues=["us_equities"])
    publisher = Publisher(feed, store, "here", Begin("run", at=ns("2013-10-07T07:00")))
    open_at, close_at = utc("2013-10-07T13:30"), utc("2013-10-07T20:00")
    usa: dict[str, Any] = {"market": "usa", "session_date": open_at.date()}

    def carry(at: datetime) -> None:
        while publisher.turn(round(at.timestamp()) * 10**9):
            pass
        publisher.turn(round(at.timestamp()) * 10**9, quiet=0)
        closed_bars.flush(market="us_equities", at=at)

    carry(open_at)
    assert "waiting" not in capture_open(at=open_at, **usa)
    at = open_at
    while at < close_at:
        # Passes at odd distances, some of them twice, one after a gap of more than an hour.
        at = min(at + timedelta(minutes=71 if at.hour == 15 else 13, seconds=20), close_at)
        carry(at)
        for update in (*BOTH, update_session_volume):
            update(at=min(at, close_at - timedelta(seconds=10)), **usa)

    for symbol, path in files.items():
        minutes = regular_minutes(path)
        captured = row(symbol)
        assert captured.session_volume == sum(minute[4] for minute in minutes)
        assert captured.session_high == max(minute[1] for minute in minutes)
        assert captured.session_low == min(minute[2] for minute in minutes)
        assert captured.session_range == captured.session_high - captured.session_low
    assert row("SPY").session_volume == 81_489_219
