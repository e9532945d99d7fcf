"""Make the rows of an open: one an instrument, and TOTAL of all of them.

Everything is written in one transaction that first locks the market's row, so that of two captures at once the second
finds what the first has written, and rows are numbered in the order of sessions even where one is captured after a
later one:

    worker A: lock market .. write session 1 .. number 5 .......... commit
    worker B:     lock market (waits) ............................. session 1 is there: nothing to do
    worker C:     lock market (waits) ........................................ write session 0: number 5; 1 becomes 6

Each row is written behind a savepoint: an instrument that cannot be written costs its own row, and is named.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import DataError, IntegrityError, transaction
from django.db.models import Count, F

from thor.marketdata import signals, targets
from thor.marketdata.events import warn
from thor.marketdata.figures import difference
from thor.marketdata.models import TOTAL, Capture, Instrument, Outcome, SessionCapture, Target, VwapSample
from thor.marketdata.opens import Moment
from thor.marketdata.signals import Reading
from thor.markets.models import Market
from thor.timing.session import Session

#: By whose prices the composite is entered and judged.
LEADER: Final = "YM"
#: What writing one row may raise through the fault of that row alone.
_OF_THE_ROW: Final = (ArithmeticError, ValueError, TypeError, DataError, IntegrityError)


@dataclass(frozen=True, slots=True)
class Material:
    """What the rows are made of, each by symbol; `context` holds columns of `Capture` that need no computing."""

    moment: Moment
    instruments: list[Instrument]
    samples: Mapping[str, VwapSample]
    previous_closes: Mapping[str, Decimal]
    context: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, Mapping[str, float]]


@dataclass(slots=True)
class Captured:
    """What was written: the session's row, the rows by symbol, and why some instruments have none."""

    session: SessionCapture
    rows: dict[str, Capture] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def write_session(market: str, session: Session, material: Material) -> Captured | None:
    """Write the rows of a session; return None where it has been captured already."""
    with transaction.atomic():
        Market.objects.select_for_update(no_key=True).get(key=market)
        head, is_new = SessionCapture.objects.get_or_create(
            market=market,
            session_date=session.date,
            defaults={
                "opens_at": session.open,
                "captured_at": material.moment.at,
                "late": material.moment.late,
            },
        )
        if not is_new:
            return None
        captured = Captured(head)
        _write_rows(captured, material)
        _number_later_rows(head, list(captured.rows))
    return captured


def _write_rows(captured: Captured, material: Material) -> None:
    before = _rows_before(captured.session)
    readings = []
    for instrument in material.instruments:
        with _named(captured, instrument.symbol):
            row, reading = _row(instrument, material)
            _save(captured, row, before, material)
            readings.append(reading)
    with _named(captured, TOTAL):
        _save(captured, _total(readings, captured.rows, material), before, material)


@contextmanager
def _named(captured: Captured, symbol: str) -> Iterator[None]:
    """Let a row that cannot be written cost nothing but itself: it is named, and said."""
    try:
        yield
    except _OF_THE_ROW as error:
        captured.failed[symbol] = f"{type(error).__name__}: {error}"[:200]
        warn("thor.capture.row_failed", session=captured.session, symbol=symbol, reason=error)


def _save(captured: Captured, row: Capture, before: Mapping[str, int], material: Material) -> None:
    row.session = captured.session
    row.number = before.get(row.symbol, 0) + 1
    row.backtest = dict(material.records.get(row.symbol, {}))
    with transaction.atomic():
        row.save(force_insert=True)
    captured.rows[row.symbol] = row


def _row(instrument: Instrument, material: Material) -> tuple[Capture, Reading]:
    symbol = instrument.symbol
    sample, previous = material.samples.get(symbol), material.previous_closes.get(symbol)
    last = sample.last_price if sample else None
    reading = signals.read(
        difference(last, previous),
        threshold=instrument.threshold,
        strong_threshold=instrument.strong_threshold,
        contract_weight=instrument.signal_weight,
        inverted=instrument.inverted,
    )
    row = Capture(
        symbol=symbol,
        instrument=instrument,
        signal=reading.signal or "",
        weight=reading.weight,
        previous_close=previous,
        net_change=difference(last, previous),
        **(_prices(sample, material.moment.at) if sample else {}),
        **material.context.get(symbol, {}),
    )
    _enter(row, row, instrument)
    return row, reading


def _prices(sample: VwapSample, at: datetime) -> dict[str, Any]:
    """Return the columns of a price; the volume is that of the UTC day that ends or runs at the open."""
    same_day = _day(sample.minute_at) == _day(at)
    return {
        "priced_at": sample.minute_at,
        "last_price": sample.last_price,
        "bid": sample.bid,
        "ask": sample.ask,
        "bid_size": sample.bid_size,
        "ask_size": sample.ask_size,
        "spread": difference(sample.ask, sample.bid),
        "volume": sample.cumulative_volume if same_day else Decimal(0),
        "session_open": sample.last_price,
    }


def _total(readings: list[Reading], rows: Mapping[str, Capture], material: Material) -> Capture:
    """Return the composite's row: entered and judged by the leader's prices and offsets, where it has any."""
    found = signals.composite(readings)
    row = Capture(
        symbol=TOTAL,
        signal=found.signal or "",
        weight=found.weight_sum,
        weighted_sum=found.weighted_sum,
        weighted_average=found.weighted_average,
        instrument_count=found.count,
        outcome=Outcome.NEUTRAL,
    )
    leader = rows.get(LEADER)
    if leader is not None and leader.instrument is not None:
        row.priced_at = leader.priced_at
        _enter(row, leader, leader.instrument)
    return row


def _enter(row: Capture, priced: Capture, instrument: Instrument) -> None:
    """Set entry, target, stop and outcome of a row by the prices of a row and the offsets of its instrument.

    What has no entry or no levels is neutral at once: nothing could touch it.
    """
    signal = signals.Signal(row.signal) if row.signal else None
    entry = targets.entry_of(signal, last=priced.last_price, bid=priced.bid, ask=priced.ask)
    target: Target | None = getattr(instrument, "target", None)
    levels = targets.levels_of(entry.price if entry else None, target, instrument.decimals)
    row.entry, row.judged_on = (entry.price, entry.judged_on) if entry else (None, "")
    row.target_high, row.target_low = (levels.high, levels.low) if levels else (None, None)
    row.outcome = Outcome.PENDING if levels else Outcome.NEUTRAL


def _rows_before(head: SessionCapture) -> dict[str, int]:
    """Return how many rows each symbol has at earlier sessions of the market."""
    earlier = Capture.objects.filter(session__market=head.market, session__session_date__lt=head.session_date)
    return dict(earlier.order_by().values_list("symbol").annotate(Count("pk")))


def _number_later_rows(head: SessionCapture, symbols: list[str]) -> None:
    later = SessionCapture.objects.filter(market=head.market, session_date__gt=head.session_date)
    # Rows are written by nobody who has not locked their session, and sessions are locked in this order.
    list(later.select_for_update().order_by("pk").values_list("pk", flat=True))
    Capture.objects.filter(session__in=later, symbol__in=symbols).update(number=F("number") + 1)


def _day(minute_at: datetime) -> int:
    """Return the UTC day that a sample closes: at 00:00 it is the day that ends."""
    return (int(minute_at.astimezone(UTC).timestamp()) - 1) // 86400
