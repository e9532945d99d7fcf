"""Rows of the journal and of finished trades, as booking would leave them."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from thor.trading.models import Event, Happening, Position, Reconciliation, Trade

#: Tuesday 2026-01-06, ten in the morning in New York.
MORNING = datetime(2026, 1, 6, 15, 0, tzinfo=UTC)


def make_event(number: int, *, at: datetime = MORNING, **more: Any) -> Event:
    values = {"kind": Happening.SUBMITTED.value, "symbol": "SPY", "fields": {"quantity": "5", "side": "buy"}}
    return Event.objects.create(
        **{**values, "number": number, "key": f"event {number}", "at": at + timedelta(seconds=number), **more}
    )


def make_trade(
    symbol: str, net: str, *, ended: date, days: int = 3, pct: str = "1.0000", fees: str = "0", **more: Any
) -> Trade:
    """Write a trade that ended at 14:45 UTC of a session and brought `net` after fees, on ten shares bought at 100."""
    left = datetime(ended.year, ended.month, ended.day, 14, 45, tzinfo=UTC)
    entered = left - timedelta(days=days)
    cost, gain = Decimal(1000), Decimal(net) + Decimal(fees)
    position = Position.objects.create(
        symbol=symbol,
        entry_date=entered.date(),
        opened_at=entered,
        closed_at=left,
        bought=10,
        cost=cost,
        sold=10,
        proceeds=cost + gain,
        entry_order_id="entry",
        last_bought_at=entered,
    )
    values = {
        "trade_id": uuid.uuid5(uuid.NAMESPACE_OID, f"{symbol} {ended}"),
        "position": position,
        "symbol": symbol,
        "strategy_id": "trend_pullback_v1",
        "entry_order_id": "entry",
        "entry_timestamp": entered,
        "entry_price": Decimal(100),
        "entry_quantity": Decimal(10),
        "exit_order_id": "exit",
        "exit_timestamp": left,
        "exit_price": 100 + gain / 10,
        "exit_quantity": Decimal(10),
        "exit_type": "SWING_EXIT",
        "exit_reason": "target of 10 % reached",
        "holding_days": days,
        "gross_pnl": gain,
        "gross_pnl_pct": Decimal(pct),
        "fees": Decimal(fees),
        "net_pnl": Decimal(net),
        "net_pnl_pct": Decimal(pct),
        "confidence": 4,
        "risk_amount": Decimal(50),
        "position_size": cost,
        "session_date": ended,
    }
    return Trade.objects.create(**{**values, **more})


def make_equity(at: datetime, equity: str | None) -> Reconciliation:
    return Reconciliation.objects.create(run=uuid.uuid4(), at=at, status="READY", equity=equity and Decimal(equity))
