"""A recorded day, captured, graded and closed, against a computation of its own with csv and Decimal."""

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.models import Capture, DailyBar, Instrument, SessionCapture, Target
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.market_open_grading import grade_open

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.recordings]

DAY = date(2013, 10, 7)
OPEN, CLOSE = utc("2013-10-07T13:30"), utc("2013-10-07T20:00")
BEGIN = ns("2013-10-07T07:00")
USA: dict[str, Any] = {"market": "usa", "session_date": DAY}
#: Percent of the entry to the target and the stop, chosen so that some are touched and some are not.
OFFSETS = {"SPY": ("0.25", "0.5"), "IBM": ("0.2", "0.2"), "BAC": ("1.2", "0.4"), "AIG": ("3", "3")}
#: What has to be passed to be plain, or strong.
THRESHOLD, STRONG = Decimal("0.1"), Decimal("2")


@dataclass(frozen=True)
class Expected:
    """What a captured row has to say."""

    last: Decimal
    previous: Decimal
    volume: Decimal
    signal: str
    entry: Decimal
    high: Decimal
    low: Decimal
    outcome: str
    touched_at: datetime | None
    touched_price: Decimal | None
    session_high: Decimal
    session_low: Decimal
    session_close: Decimal
    session_volume: Decimal
    day: tuple[Decimal, Decimal, Decimal]


def lines(path: Path) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))


def at_of(cell: str) -> datetime:
    """Return the time of a cell: ms since midnight in New York, which was four hours behind UTC."""
    return datetime(2013, 10, 7, 4, tzinfo=UTC) + timedelta(milliseconds=int(cell))


def price_of(cell: str) -> Decimal:
    return Decimal(cell) / 10_000


def close_before(lean: Path, symbol: str) -> Decimal:
    rows = lines(lean / f"equity/usa/daily/{symbol.lower()}.zip")
    return price_of(next(row[4] for row in rows if row[0].startswith("20131004")))


def trades_of(lean: Path, symbol: str) -> list[tuple[datetime, Decimal, Decimal]]:
    rows = lines(lean / f"equity/usa/tick/{symbol.lower()}/20131007_trade.zip")
    return [(at_of(row[0]), price_of(row[1]), Decimal(row[2])) for row in rows]


def sides_of(lean: Path, symbol: str) -> list[tuple[datetime, Decimal | None, Decimal | None]]:
    rows = lines(lean / f"equity/usa/tick/{symbol.lower()}/20131007_quote.zip")
    return [(at_of(row[0]), price_of(row[1]) or None, price_of(row[3]) or None) for row in rows]


def expected(lean: Path, symbol: str, *, quoted: bool) -> Expected:
    trades, previous = trades_of(lean, symbol), close_before(lean, symbol)
    before = [trade for trade in trades if trade[0] < OPEN]
    during = [trade for trade in trades if OPEN <= trade[0] < CLOSE]
    last = before[-1][1]
    change = last - previous
    size = "STRONG_" if abs(change) > STRONG else ""
    signal = "HOLD" if abs(change) <= THRESHOLD else size + ("BUY" if change > 0 else "SELL")
    is_long = signal.endswith("BUY")
    entry, seen = last, [(at, price) for at, price, _ in during]
    if quoted:
        sides = sides_of(lean, symbol)
        known = [(at, side[1] if is_long else side[0]) for at, *side in sides]
        entry = [price for at, price in known if at < OPEN and price][-1]
        closing = [(at, side[0] if is_long else side[1]) for at, *side in sides]
        seen = [(at, price) for at, price in closing if OPEN <= at < CLOSE and price]
    above, below = (Decimal(offset) / 100 for offset in OFFSETS[symbol])
    cent = Decimal("0.01")
    high = (entry * (1 + above)).quantize(cent, ROUND_HALF_UP)
    low = (entry * (1 - below)).quantize(cent, ROUND_HALF_UP)
    hit = next(((at, price) for at, price in seen if price >= high or price <= low), None)
    won = hit is not None and (hit[1] >= high) == is_long
    prices = [price for _, price, _ in during]
    return Expected(
        last=last,
        previous=previous,
        volume=sum((size for *_, size in before), Decimal(0)),
        signal=signal,
        entry=entry,
        high=high,
        low=low,
        outcome="NEUTRAL" if hit is None else ("WORKED" if won else "DIDNT_WORK"),
        touched_at=hit[0] if hit else None,
        touched_price=hit[1] if hit else None,
        session_high=max(prices),
        session_low=min(prices),
        session_close=prices[-1],
        session_volume=sum((size for *_, size in during), Decimal(0)),
        day=(before[0][1], max(price for _, price, _ in before), min(price for _, price, _ in before)),
    )


def captured(symbol: str) -> Expected:
    row = Capture.objects.get(symbol=symbol)
    assert row.last_price is not None
    return Expected(
        last=row.last_price,
        previous=row.previous_close,
        volume=row.volume,
        signal=row.signal,
        entry=row.entry,
        high=row.target_high,
        low=row.target_low,
        outcome=row.outcome,
        touched_at=row.touched_at,
        touched_price=row.touched_price,
        session_high=row.session_high,
        session_low=row.session_low,
        session_close=row.session_close,
        session_volume=row.session_volume,
        day=(row.open_24h, row.high_24h, row.low_24h),
    )


def set_up(lean: Path) -> None:
    Instrument.objects.update(captured=False)
    for symbol, (high, low) in OFFSETS.items():
        Instrument.objects.filter(symbol=symbol).update(
            captured=True, threshold=THRESHOLD, strong_threshold=STRONG, signal_weight=1
        )
        instrument = Instrument.objects.get(symbol=symbol)
        Target.objects.create(instrument=instrument, mode="percent", high=Decimal(high), low=Decimal(low))
        close = close_before(lean, symbol)
        DailyBar.objects.create(
            instrument=instrument, date=date(2013, 10, 4), open=close, high=close, low=close, close=close, volume=1
        )


def publisher_of(store: redis.Redis, lean: Path) -> Publisher:
    tick = lean / "equity/usa/tick"
    files = [str(tick / symbol.lower() / "20131007_trade.zip") for symbol in OFFSETS]
    files.append(str(tick / "ibm/20131007_quote.zip"))
    (feed,) = open_feeds("replay", FeedRequest(files=files), venues=["us_equities"])
    return Publisher(feed, store, "here", Begin("run", at=BEGIN))


def carry(publisher: Publisher, until: datetime) -> None:
    now = round(until.timestamp()) * 10**9
    while publisher.turn(now, quiet=0):
        pass


@pytest.mark.parametrize("looks", [40, 3])
def test_the_rows_of_a_recorded_day_are_those_of_a_loop_over_its_files(
    store: redis.Redis, lean: Path, looks: int
) -> None:
    set_up(lean)
    publisher = publisher_of(store, lean)
    carry(publisher, OPEN)
    if looks > 1:
        assert capture_open(at=OPEN, **USA)["rows"] == 5
    for number in range(1, looks):
        at = OPEN + (CLOSE - OPEN) * number / looks
        carry(publisher, at)
        grade_open(at=at, **USA)
    carry(publisher, CLOSE)
    capture_open(at=OPEN, **USA)

    told = capture_close(at=CLOSE, **USA)

    assert (told["rows"], told.get("gaps"), told.get("incomplete")) == (4, None, None)
    found = {symbol: captured(symbol) for symbol in OFFSETS}
    assert found == {symbol: expected(lean, symbol, quoted=symbol == "IBM") for symbol in OFFSETS}
    assert {row.outcome for row in found.values()} == {"WORKED", "DIDNT_WORK", "NEUTRAL"}
    assert set(Capture.objects.exclude(judged_on="").values_list("judged_on", flat=True)) == {"quotes", "trades"}
    assert not SessionCapture.objects.get().late
