"""Ask for the latest quotes, as the feeds wrote them and as rows with everything that is derived from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from thor.connections import redis_client
from thor.marketdata import keys, signals
from thor.marketdata.closes import previous_closes
from thor.marketdata.models import Extreme, Instrument, TwentyFourHour
from thor.marketdata.row_metrics import Prices, RowMetrics, row_metrics

Snapshot = dict[str, Any]
#: What a snapshot says of a session, where its source says it.
_OF_THE_DAY = ("open", "high", "low")


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """One instrument's latest quote with its context: the prices of the day, of 52 weeks, and what follows from them.

    `snapshot` is what the feed wrote, its figures as exact decimals; `reading` is what the net change signals.
    """

    instrument: Instrument
    snapshot: Snapshot
    prices: Prices
    metrics: RowMetrics
    reading: signals.Reading


def latest_quotes() -> dict[str, Snapshot]:
    """Return the latest snapshot of every symbol that a feed has published, by symbol."""
    found = cast("dict[bytes, bytes]", redis_client().hgetall(keys.LATEST_QUOTES))
    return {symbol.decode(): json.loads(text) for symbol, text in sorted(found.items())}


def snapshots(symbols: Sequence[str]) -> dict[str, Snapshot]:
    """Return the latest snapshots of these symbols with exact figures; what no feed has published is left out."""
    if not symbols:
        return {}
    raw = cast("list[bytes | None]", redis_client().hmget(keys.LATEST_QUOTES, list(symbols)))
    return {symbol: _exact(text) for symbol, text in zip(symbols, raw, strict=True) if text}


def quoted_symbols() -> list[str]:
    """Return the symbols that have a snapshot."""
    return sorted(symbol.decode() for symbol in cast("list[bytes]", redis_client().hkeys(keys.LATEST_QUOTES)))


def quote_rows(instruments: Sequence[Instrument], at: datetime) -> list[QuoteRow]:
    """Return the rows of the instruments that have a snapshot, in their order.

    Open, high and low are the source's own where its snapshot has them, else those of the 24-hour session; the previous
    close is that of the venue's session; 52 weeks are the instrument's own extremes, else the source's.
    """
    known = snapshots([one.symbol for one in instruments])
    quoted = [one for one in instruments if one.symbol in known]
    closes = previous_closes(quoted, at) if quoted else {}
    days, years = _days(quoted, at), _years(quoted)
    return [_row(one, known[one.symbol], closes.get(one.symbol), days.get(one.pk), years.get(one.pk)) for one in quoted]


def _row(
    instrument: Instrument,
    snapshot: Snapshot,
    previous_close: Decimal | None,
    day: TwentyFourHour | None,
    year: Extreme | None,
) -> QuoteRow:
    own = {name: snapshot.get(name) for name in _OF_THE_DAY}
    prices = Prices(
        **{name: getattr(day, name, None) if value is None else value for name, value in own.items()},
        **{name: snapshot.get(name) for name in ("last", "bid", "ask", "change", "change_percent")},
        previous_close=previous_close,
        high_52w=year.high_52w if year else snapshot.get("high_52w"),
        low_52w=year.low_52w if year else snapshot.get("low_52w"),
    )
    metrics = row_metrics(prices)
    return QuoteRow(instrument, snapshot, prices, metrics, _reading(instrument, metrics.last.diff))


def _reading(instrument: Instrument, change: Decimal | None) -> signals.Reading:
    return signals.read(
        change,
        threshold=instrument.threshold,
        strong_threshold=instrument.strong_threshold,
        contract_weight=instrument.signal_weight,
        inverted=instrument.inverted,
    )


def _days(instruments: Sequence[Instrument], at: datetime) -> dict[int, TwentyFourHour]:
    # The 24-hour session opens at 00:00 UTC, which is nine in Tokyo, and the last one stands until the next opens.
    rows = TwentyFourHour.objects.filter(instrument__in=instruments, session_date=at.astimezone(UTC).date())
    return {row.instrument_id: row for row in rows}


def _years(instruments: Sequence[Instrument]) -> dict[int, Extreme]:
    return {row.pk: row for row in Extreme.objects.filter(instrument__in=instruments)}


def _exact(text: bytes) -> Snapshot:
    found: Mapping[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_nothing)
    return dict(found)


def _nothing(_: str) -> None:
    """Return nothing for what is no number: a reader that computes with it would end with nothing as well."""
