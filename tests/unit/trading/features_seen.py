"""Make features, positions and scenes in which nothing is worth buying or selling, but for what a test says."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from thor.trading.features import Features
from thor.trading.strategies.base import Position, Scene

#: A Wednesday, its session, and the sessions before it; Monday the 7th of September is Labor Day.
TODAY = date(2026, 9, 9)
AT = datetime(2026, 9, 9, 19, 40, tzinfo=UTC)
SESSIONS = tuple(date(2026, 9, day) for day in (1, 2, 3, 4, 8, 9))
LONG_AGO = date(2026, 1, 5)

_DULL: dict[str, Any] = {
    "session_date": TODAY,
    "above_sma_20_on": LONG_AGO,
    "above_sma_200_on": LONG_AGO,
    "close": 100.0,
    "sma_20": 100.0,
    "sma_200": 100.0,
    "dist_20sma": 0.0,
    "dist_200sma": 0.0,
    "sma20_slope": 0.0,
    "atr": 4.0,
    "atr_pct": 0.04,
    "atr_pct_mean_50": 0.04,
    "vol_ratio": 1.0,
    "pullback_depth": 0.1,
    "high_52w": 120.0,
    "high_52w_before": 120.0,
    "rsi_14": 50.0,
    "ema_12": 100.0,
    "ema_26": 100.0,
    "macd": -1.0,
    "macd_signal": 0.0,
    "macd_hist": -1.0,
    "bb_upper": 105.0,
    "bb_middle": 100.0,
    "bb_lower": 95.0,
    "bb_width": 0.02,
    "adx_14": 20.0,
    "obv": 0.0,
}

#: What each strategy buys at its least confidence, or the one above it.
PULLBACK = {"sma_20": 101.0, "high_52w": 103.0, "atr_pct": 0.02, "sma20_slope": 0.1, "pullback_depth": 0.02}
PULLBACK |= {"vol_ratio": 1.3}
BREAKOUT = {"vol_ratio": 1.5, "rsi_14": 60.0, "macd": 0.5, "macd_signal": 0.5}
OVERSOLD = {"sma_20": 101.0, "rsi_14": 39.9, "vol_ratio": 1.2}
SQUEEZED = {"bb_width": 0.015, "macd": 0.5, "macd_signal": 0.5}


def seen(**changed: Any) -> Features:
    return Features(**_DULL | changed)


def scene(features: Mapping[str, Features], **changed: Any) -> Scene:
    return Scene(**{"at": AT, "session_date": TODAY, "features": features, "sessions": SESSIONS} | changed)


def position(strategy_id: str = "", **changed: Any) -> Position:
    return Position(
        **{
            "symbol": "IBM",
            "strategy_id": strategy_id,
            "entry_date": date(2026, 9, 2),
            "entry_price": Decimal("100"),
            "confidence": 4,
        }
        | changed
    )
