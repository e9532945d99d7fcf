"""The session of `opening`, captured at its open, traded, and closed."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import redis

from tests.integration.marketdata.opening import (
    CLOSE,
    DAY,
    OPEN,
    SECOND,
    T0,
    T1,
    around,
    before_the_open,
    quotes,
    watch,
)
from tests.integration.marketdata.publishing import Script
from thor.marketdata.bars import MINUTE
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_open_capture import capture_open
from thor.markets import registry
from thor.markets.models import Market, Override

D = Decimal
NOW = timedelta(0)


def captured_open(store: redis.Redis) -> Script:
    """Return a script in which SPY is bought at 103.1 (105.1, 101.1) and IBM sold at 93.9 (91.9, 95.9)."""
    watch("SPY", "IBM", "YM")
    found = Script(store)
    before_the_open(found, SPY=103.0, IBM=94.0, YM=100.0)
    capture_open(market="usa", at=OPEN, patience=NOW)
    return found


def close(at: Any = CLOSE, day: date | None = DAY) -> dict[str, Any]:
    """Capture the close, and return what was said of it alone."""
    told = capture_close(market="usa", at=at, session_date=day, patience=NOW)
    told.pop("rolling_24h", None)
    return told


def override(**fields: Any) -> None:
    """Let the session have other hours from now on."""
    Override.objects.create(market=Market.objects.get(key="usa"), date=DAY, reason="test", **fields)
    registry.forget()


def trade_the_day(script: Script) -> None:
    """Let SPY go 104, 103.5, 104.4 and 104; the last a minute before the close."""
    for minute, price in ((1, 104.0), (60, 103.5), (200, 104.4), (389, 104.0)):
        at = T0 + minute * MINUTE + SECOND
        script.append(quotes(at + SECOND, around("SPY", at, price)))
    script.append(quotes(T1))
