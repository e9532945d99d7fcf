"""A closed bar on its way to the database: one item of the queue, readable JSON with exact decimals.

The fold writes items column by column (`items`), a minute's bars at once: a minute of 5,000 symbols closes within one
pass. `decode` reads them back one by one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii
from typing import Any

from thor.errors import ThorError
from thor.marketdata.units import MINUTE, UNIT

#: Between these a float that is a multiple of 10^-8 is spelt without an exponent, in eight places or fewer.
_LEAST, _MOST = 1e-4, 2.0**51 / UNIT
#: The columns of an item that are prices as they came.
_PRICES = ("open", "high", "low", "close", "bid", "ask")
#: As long as the columns of the tables are.
LONGEST_SYMBOL, LONGEST_SOURCE = 32, 16
#: 10000-01-01 in seconds since the epoch.
LATEST_START = 253_402_300_800
_DECIMALS = ("open", "high", "low", "close", "volume", "vwap", "bid", "ask", "spread")
_OPTIONAL = ("vwap", "bid", "ask", "spread")


class UnreadableBar(ThorError):
    """An item of the queue of closed bars is not a bar."""


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """One minute of one symbol, complete; `start` in seconds since the epoch, `ticks` is its version."""

    symbol: str
    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int
    vwap: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    spread: Decimal | None
    ticks: int
    source: str

    def encode(self) -> bytes:
        """Return the item of the queue."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, default=str).encode()


_FIELDS = tuple(field.name for field in fields(ClosedBar))


def items(symbols: Sequence[str], rows: Any, turnover: Sequence[int], source: str) -> list[bytes]:
    """Return the items of rows of the fold (fields of `bars.ROW`) and their turnover in units of 10^-16."""
    texts = {name: _texts(rows[name]) for name in _PRICES}
    start = (rows["minute"] // (MINUTE // 60)).tolist()
    volume, trades, ticks = (rows[name].tolist() for name in ("volume", "trades", "ticks"))
    columns = zip(
        map(encode_basestring_ascii, symbols),
        start,
        *(texts[name] for name in _PRICES),
        map(_volume, volume),
        trades,
        map(_vwap, turnover, volume),
        map(_spread, texts["bid"], texts["ask"]),
        ticks,
        strict=True,
    )
    of = json.dumps(source)
    return [
        f'{{"symbol": {symbol}, "start": {at}, "open": {o}, "high": {h}, "low": {low}, "close": {c}, "volume": {v}, '
        f'"trades": {n}, "vwap": {vwap}, "bid": {bid}, "ask": {ask}, "spread": {spread}, "ticks": {seen}, '
        f'"source": {of}}}'.encode()
        for symbol, at, o, h, low, c, bid, ask, v, n, vwap, spread, seen in columns
    ]


def decode(item: bytes) -> ClosedBar:
    """Return the bar of an item; raise `UnreadableBar` with the reason where it is none."""
    try:
        found = json.loads(item)
        for name in _DECIMALS:
            if found[name] is not None or name not in _OPTIONAL:
                found[name] = Decimal(found[name])
                if not found[name].is_finite():
                    raise UnreadableBar("not a bar: a price is not a number")
        bar = ClosedBar(*[found[name] for name in _FIELDS])
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise UnreadableBar(f"not a bar: {type(error).__name__} {error}") from None
    if not (bar.symbol and isinstance(bar.symbol, str) and all(isinstance(n, int) for n in _counts(bar))):
        raise UnreadableBar("not a bar: the symbol, the start or a count has a wrong type")
    if not (isinstance(bar.source, str) and len(bar.symbol) <= LONGEST_SYMBOL and len(bar.source) <= LONGEST_SOURCE):
        raise UnreadableBar("not a bar: the symbol or the source is too long")
    if not 0 <= bar.start < LATEST_START:
        raise UnreadableBar("not a bar: its minute is in no calendar")
    return bar


def in_units(units: int) -> Decimal:
    """Return a count of 10^-8 as a plain number, without trailing zeros."""
    whole, rest = divmod(units, UNIT)
    return Decimal(whole) if not rest else Decimal(units).scaleb(-8).normalize()


def exact(price: float) -> Decimal:
    """Return the price as the source wrote it, to eight places."""
    # str() of a float is its shortest spelling, which is the number that the source wrote.
    found = Decimal(str(price))
    return found if found.as_tuple().exponent >= -8 else round(found, 8)  # type: ignore[operator]


def _counts(bar: ClosedBar) -> tuple[int, int, int]:
    return bar.start, bar.trades, bar.ticks


def _texts(column: Any) -> list[str]:
    """Return prices as JSON: the number as its source wrote it in quotes, or null."""
    prices = column.tolist()
    # What is plain is spelt by repr, which is the number that the source wrote.
    plain = (column >= _LEAST) & (column < _MOST) & ((column * UNIT).round() / UNIT == column)
    if plain.all():
        return [f'"{price!r}"' for price in prices]
    return ["null" if price != price else f'"{exact(price):f}"' for price in prices]


def _volume(units: int) -> str:
    whole, rest = divmod(units, UNIT)
    return f'"{whole}"' if not rest else f'"{in_units(units):f}"'


def _vwap(turnover: int, volume: int) -> str:
    """Return turnover / volume to six places, half to even, as JSON; null without volume."""
    if volume <= 0:
        return "null"
    millionths, rest = divmod(turnover, volume * 100)
    twice = rest * 2
    if twice > volume * 100 or (twice == volume * 100 and millionths % 2):
        millionths += 1
    sign, digits = "-" if millionths < 0 else "", abs(millionths)
    return f'"{sign}{digits // 1_000_000}.{digits % 1_000_000:06}"'


def _spread(bid: str, ask: str) -> str:
    return "null" if "null" in (bid, ask) else f'"{Decimal(ask[1:-1]) - Decimal(bid[1:-1]):f}"'
