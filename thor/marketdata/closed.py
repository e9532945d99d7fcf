"""A closed bar on its way to the database: one item of the queue, readable JSON with exact decimals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from thor.errors import ThorError
from thor.marketdata.units import MINUTE, UNIT

_VWAP_PLACES = Decimal("0.000001")
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


def from_row(symbol: str, row: Mapping[str, Any], turnover: int, source: str) -> ClosedBar:
    """Return the bar of a row of the fold (fields of `bars.ROW`) and its turnover in units of 10^-16."""
    bid, ask = _price(row["bid"]), _price(row["ask"])
    return ClosedBar(
        symbol=symbol,
        start=row["minute"] // (MINUTE // 60),
        open=exact(row["open"]),
        high=exact(row["high"]),
        low=exact(row["low"]),
        close=exact(row["close"]),
        volume=in_units(row["volume"]),
        trades=row["trades"],
        vwap=_vwap(turnover, row["volume"]),
        bid=bid,
        ask=ask,
        spread=ask - bid if bid is not None and ask is not None else None,
        ticks=row["ticks"],
        source=source,
    )


def decode(item: bytes) -> ClosedBar:
    """Return the bar of an item; raise `UnreadableBar` with the reason where it is none."""
    try:
        found = json.loads(item)
        for name in _DECIMALS:
            found[name] = None if found[name] is None and name in _OPTIONAL else Decimal(found[name])
        bar = ClosedBar(**{field.name: found[field.name] for field in fields(ClosedBar)})
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise UnreadableBar(f"not a bar: {type(error).__name__} {error}") from None
    if not (bar.symbol and isinstance(bar.symbol, str) and all(isinstance(n, int) for n in _counts(bar))):
        raise UnreadableBar("not a bar: the symbol, the start or a count has a wrong type")
    if not all(getattr(bar, name) is None or getattr(bar, name).is_finite() for name in _DECIMALS):
        raise UnreadableBar("not a bar: a price is not a number")
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


def _price(price: float) -> Decimal | None:
    return None if price != price else exact(price)


def _vwap(turnover: int, volume: int) -> Decimal | None:
    if volume <= 0:
        return None
    with localcontext(prec=60):
        return (Decimal(turnover).scaleb(-8) / volume).quantize(_VWAP_PLACES)
