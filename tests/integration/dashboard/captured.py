"""Market data for the dashboard's tests, as feeds and jobs would write them: quotes, captures, figures, incidents."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import redis

from tests.integration.dashboard.rows import TUESDAY
from thor.marketdata import keys
from thor.marketdata.models import (
    TOTAL,
    Capture,
    Extreme,
    FeedIncident,
    Instrument,
    Outcome,
    SessionCapture,
    TwentyFourHour,
)

#: New York opened half an hour before TUESDAY.
OPEN = TUESDAY - timedelta(minutes=30)
TODAY = date(2024, 7, 9)


def quote(client: redis.Redis, symbol: str = "ES", **more: Any) -> dict[str, Any]:
    """Write the latest snapshot of a symbol."""
    found = {
        "symbol": symbol,
        "last": 5625.25,
        "bid": 5625.0,
        "ask": 5625.5,
        "bid_size": 12.0,
        "ask_size": 9.0,
        "size": 2.0,
        "volume": 123456.0,
        "at": TUESDAY.isoformat(),
        "venue": "globex",
        "source": "SIMULATED",
        "previous_close": 5620.5,
        **more,
    }
    client.hset(keys.LATEST_QUOTES, symbol, json.dumps(found))
    return found


def capture_session(market: str = "usa", day: date = TODAY, opens_at: datetime = OPEN, **more: Any) -> SessionCapture:
    """Write a captured session without rows."""
    values = {"market": market, "session_date": day, "opens_at": opens_at, "captured_at": opens_at, **more}
    return SessionCapture.objects.create(**values)


def capture_row(session: SessionCapture, symbol: str = "ES", **more: Any) -> Capture:
    """Write one row of a captured session: a strong buy that waits for its target."""
    instrument = Instrument.objects.filter(symbol=symbol).first()
    values: dict[str, Any] = {
        "session": session,
        "symbol": symbol,
        "instrument": instrument,
        "number": 1,
        "signal": "STRONG_BUY",
        "weight": 2,
        "priced_at": session.captured_at,
        "last_price": Decimal("5627.25"),
        "previous_close": Decimal("5620.5"),
        "net_change": Decimal("6.75"),
        "bid": Decimal(5627),
        "ask": Decimal("5627.5"),
        "entry": Decimal("5627.5"),
        "target_high": Decimal("5652.5"),
        "target_low": Decimal("5602.5"),
        "judged_on": "quotes",
        "session_open": Decimal("5627.25"),
        "session_high": Decimal("5631.75"),
        "session_low": Decimal("5624.5"),
        "session_volume": Decimal(48210),
        "high_pct_open": Decimal("0.0800"),
        "backtest": {"hold": 3, "buy_worked": 2, "buy_worked_percentage": 66.6667},
    }
    return Capture.objects.create(**{**values, **more})


def capture_total(session: SessionCapture, **more: Any) -> Capture:
    """Write the composite of a captured session."""
    figures = {"signal": "BUY", "weight": 4, "weighted_sum": Decimal("1234.5"), "weighted_average": Decimal("7.125")}
    return capture_row(session, TOTAL, **{**figures, "instrument_count": 11, **more})


def capture_day(market: str = "usa", day: date = TODAY, opens_at: datetime = OPEN) -> SessionCapture:
    """Write a captured session with a row of every outcome, and TOTAL."""
    session = capture_session(market, day, opens_at)
    capture_row(session, "ES")
    hit = {"touched_at": opens_at + timedelta(minutes=7), "touched_price": Decimal("40200")}
    capture_row(session, "YM", outcome=Outcome.WORKED, touched="TARGET", **hit)
    stopped = {"touched_at": opens_at + timedelta(minutes=3, seconds=20), "touched_price": Decimal("20210.5")}
    capture_row(session, "NQ", outcome=Outcome.DIDNT_WORK, touched="STOP", signal="SELL", weight=-1, **stopped)
    none = {"entry": None, "target_high": None, "target_low": None, "judged_on": ""}
    capture_row(session, "GC", outcome=Outcome.NEUTRAL, signal="HOLD", weight=0, **none)
    capture_total(session)
    return session


def extreme(symbol: str = "ES", **more: Any) -> Extreme:
    """Write the extremes of an instrument."""
    values = {
        "instrument": Instrument.objects.get(symbol=symbol),
        "as_of": TODAY,
        "high_52w": Decimal(5700),
        "high_52w_date": date(2024, 7, 5),
        "low_52w": Decimal(4122),
        "low_52w_date": date(2023, 10, 27),
        "all_time_high": Decimal(5700),
        "all_time_high_date": date(2024, 7, 5),
        "all_time_low": Decimal(2200),
        "all_time_low_date": date(2020, 3, 23),
        "last_price": Decimal("5625.25"),
        "updated_at": TUESDAY,
    }
    return Extreme.objects.create(**{**values, **more})


def day(symbol: str = "ES", session_date: date = TODAY, **more: Any) -> TwentyFourHour:
    """Write the 24-hour session of an instrument."""
    values = {
        "instrument": Instrument.objects.get(symbol=symbol),
        "session_date": session_date,
        "previous_close": Decimal(5620),
        "open": Decimal(5622),
        "high": Decimal(5632),
        "low": Decimal(5612),
        "last": Decimal("5625.25"),
        "change": Decimal(2),
        "change_percent": Decimal("0.0356"),
        "range": Decimal(20),
        "range_percent": Decimal("0.3557"),
        "volume": Decimal(987654),
        "updated_at": TUESDAY,
    }
    return TwentyFourHour.objects.create(**{**values, **more})


def incident(kind: str = "silent", venue: str = "globex", **more: Any) -> FeedIncident:
    """Write an incident that is not over."""
    values = {"venue": venue, "kind": kind, "source": "SIMULATED", "first_at": OPEN, "last_at": TUESDAY}
    return FeedIncident.objects.create(**{**values, **more})
