"""Trades that are over, as the desk would have booked them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from thor.trading.models import Intent, Position, Purpose, Trade

D = Decimal


def intent(symbol: str, at: datetime, features: dict[str, Any], *, confidence: int = 3, strategy: str = "") -> Intent:
    """Write an intent to enter."""
    return Intent.objects.create(
        run=uuid4(), symbol=symbol, purpose=Purpose.ENTRY.value, state="done", strategy_id=strategy,
        confidence=confidence, session_date=at.date(), decided_at=at, features=features, updated_at=at,
    )  # fmt: skip


def trade(
    symbol: str,
    at: datetime,
    percent: str,
    features: dict[str, Any] | None = None,
    *,
    confidence: int = 3,
    lowest: str | None = None,
    highest: str | None = None,
    source: str = "",
    exit_type: str = "SWING_EXIT",
) -> Trade:
    """Write ten shares bought at 100 at an instant, and sold three days later `percent` higher."""
    exit_price, end = 100 + D(percent), at + timedelta(days=3)
    # by a strategy whose signals are always sure, so that they say nothing of how sure signals have become
    by = "trend_pullback_v1"
    wish = None if features is None else intent(symbol, at, features, confidence=confidence, strategy=by)
    position = Position.objects.create(
        symbol=symbol, entry_date=at.date(), opened_at=at, closed_at=end, bought=10, cost=1000, sold=10,
        proceeds=10 * exit_price, highest=highest and D(highest), lowest=lowest and D(lowest),
        entry_order_id=f"{symbol}-in", entry_intent=wish, last_bought_at=at, source=source,
    )  # fmt: skip
    return Trade.objects.create(
        trade_id=uuid4(), position=position, symbol=symbol, entry_order_id=f"{symbol}-in", entry_timestamp=at,
        entry_price=100, entry_quantity=10, exit_timestamp=end, exit_price=exit_price, exit_quantity=10,
        exit_type=exit_type, holding_days=3, gross_pnl=10 * D(percent), gross_pnl_pct=D(percent),
        net_pnl=10 * D(percent), net_pnl_pct=D(percent), confidence=confidence, position_size=1000,
        session_date=date(2026, 1, 1),
    )  # fmt: skip


def history(since: datetime, count: int, *, tells: bool) -> None:
    """Write trades of which every third lost 2 % and the others won 1 %; `tells`: their features show which."""
    for place in range(count):
        lost = place % 3 == 0
        seen = (5.0 if lost else -5.0) + place % 5 / 10 if tells else float(place * 7 % 11)
        trade(f"S{place:03}", since + timedelta(hours=place), "-2" if lost else "1", {"rsi_14": seen, "noise": 1.0})
