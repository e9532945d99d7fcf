"""Say in Alpaca's words what a broker in memory has: the JSON of its orders, fills, positions, account and clock.

Fields as documented at https://docs.alpaca.markets/us/reference (trading API): figures are text, times RFC 3339.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from thor.markets.broker_clock import ClockAnswer
from thor.markets.table import SessionTable
from thor.trading.brokers.port import Account, BrokerFill, BrokerOrder, BrokerPosition, Standing

NEW_YORK: Final = ZoneInfo("America/New_York")
_STATUS: Final = {
    Standing.WORKING: "new",
    Standing.PARTIAL: "partially_filled",
    Standing.FILLED: "filled",
    Standing.CANCELLED: "canceled",
    Standing.EXPIRED: "expired",
    Standing.REJECTED: "rejected",
}
_ASSET: Final = "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415"


def order(found: BrokerOrder, status: str | None = None) -> dict[str, Any]:
    """Return an order; `status` is what it is called where that is not what its standing says."""
    average = found.filled_average_price
    return {
        "id": found.id,
        "client_order_id": found.client_order_id,
        "created_at": _time(found.submitted_at),
        "updated_at": _time(found.updated_at),
        "submitted_at": _time(found.submitted_at),
        "filled_at": _time(found.updated_at) if found.standing is Standing.FILLED else None,
        "expired_at": _time(found.updated_at) if found.standing is Standing.EXPIRED else None,
        "canceled_at": _time(found.updated_at) if found.standing is Standing.CANCELLED else None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": _ASSET,
        "symbol": found.symbol,
        "asset_class": "us_equity",
        "notional": None,
        "qty": _text(found.quantity),
        "filled_qty": _text(found.filled_quantity),
        "filled_avg_price": _text(average) if average is not None else None,
        "order_class": "",
        "order_type": found.kind.value,
        "type": found.kind.value,
        "side": found.side.value,
        "time_in_force": "day",
        "limit_price": _text(found.limit_price) if found.limit_price is not None else None,
        "stop_price": None,
        "status": status or _STATUS[found.standing],
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
    }


def fill(found: BrokerFill) -> dict[str, Any]:
    """Return a fill as an activity of the type FILL."""
    return {
        "id": activity_id(found),
        "activity_type": "FILL",
        "transaction_time": _time(found.at),
        "type": "fill",
        "price": _text(found.price),
        "qty": _text(found.quantity),
        "side": found.side.value,
        "symbol": found.symbol,
        "leaves_qty": "0",
        "order_id": found.order_id,
        "cum_qty": _text(found.quantity),
        "order_status": "filled",
    }


def activity_id(found: BrokerFill) -> str:
    """Return the id of a fill: its time to the millisecond, and a number of its own."""
    return f"{found.at:%Y%m%d%H%M%S}{found.at.microsecond // 1000:03}::{UUID(int=int(found.id))}"


def position(found: BrokerPosition) -> dict[str, Any]:
    """Return a position."""
    price = found.price if found.price is not None else found.average_entry_price
    return {
        "asset_id": _ASSET,
        "symbol": found.symbol,
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "avg_entry_price": _text(found.average_entry_price),
        "qty": _text(found.quantity),
        "side": "long",
        "market_value": _text(found.quantity * price),
        "cost_basis": _text(found.quantity * found.average_entry_price),
        "current_price": _text(price),
    }


def account(found: Account, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account, with what a test says instead; None takes a field away."""
    told = {
        "id": "e6fe16f3-64a4-4921-8928-cadf02f92f98",
        "account_number": "PA0000000001",
        "status": found.status,
        "currency": found.currency,
        "cash": _text(found.cash),
        "equity": _text(found.equity),
        "last_equity": _text(found.last_equity),
        "buying_power": _text(found.buying_power),
        "multiplier": _text(found.multiplier),
        "trading_blocked": found.is_trading_blocked,
        "account_blocked": found.is_account_blocked,
        "trade_suspended_by_user": False,
        "pattern_day_trader": found.is_pattern_day_trader,
        "daytrade_count": found.day_trades,
        **said,
    }
    return {name: value for name, value in told.items() if value is not None}


def clock(found: ClockAnswer) -> dict[str, Any]:
    """Return the clock, in New York's time."""
    return {
        "timestamp": _local(found.timestamp).isoformat(),
        "is_open": found.is_open,
        "next_open": _local(found.opens_at).isoformat(),
        "next_close": _local(found.closes_at).isoformat(),
    }


def calendar(sessions: SessionTable, start: str | None, end: str | None) -> list[dict[str, str]]:
    """Return the days of a calendar from `start` to `end`."""
    first, last = date.fromisoformat(start or "1970-01-01"), date.fromisoformat(end or "2029-12-31")
    return [
        {
            "date": one.date.isoformat(),
            "open": f"{_local(one.open):%H:%M}",
            "close": f"{_local(one.close):%H:%M}",
        }
        for one in sessions.between(first, last)
    ]


def _local(at: datetime) -> datetime:
    return at.astimezone(NEW_YORK)


def _time(at: datetime) -> str:
    # Nanoseconds, as Alpaca writes them.
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}000Z"


def _text(number: Decimal) -> str:
    return f"{number:f}"
