"""Say to which session of the trading market an instant belongs."""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from thor.markets.sessions import sessions_of
from thor.timing import Session
from thor.trading.brokers.choice import TRADING_MARKET

#: No market is closed for longer than this.
LONGEST_PAUSE: Final = timedelta(days=30)


def session_for(at: datetime) -> Session | None:
    """Return the session for which an order is good that is sent now: the one that is on, else the next."""
    near = sessions_of(TRADING_MARKET).around(at, at + LONGEST_PAUSE)
    return next((one for one in near if one.close > at), None)


def last_session(at: datetime) -> Session | None:
    """Return the session that is on, else the one that closed last."""
    near = sessions_of(TRADING_MARKET).around(at - LONGEST_PAUSE, at)
    return max((one for one in near if one.open <= at), key=lambda one: one.open, default=None)


def session_date_of(at: datetime) -> date:
    """Return the date under which an instant is booked: that of the session that is on or was last, else its own."""
    found = last_session(at)
    return found.date if found else day_of(at)


def market_zone() -> ZoneInfo:
    """Return the zone of the trading market, whose dates are those of its sessions."""
    return ZoneInfo(sessions_of(TRADING_MARKET).zone)


def day_of(at: datetime) -> date:
    """Return the date of an instant where the market is."""
    return at.astimezone(market_zone()).date()


def sessions_until(day: date, count: int) -> list[date]:
    """Return the dates of the last `count` sessions up to a date, ascending."""
    found = sessions_of(TRADING_MARKET).between(day - timedelta(days=2 * count + 30), day)
    return [one.date for one in found][-count:]


def session_before(day: date) -> date | None:
    """Return the date of the session right before a date."""
    found = sessions_of(TRADING_MARKET).between(day - LONGEST_PAUSE, day - timedelta(days=1))
    return found[-1].date if found else None


def is_open(at: datetime) -> bool:
    """Tell whether the calendar says that the market trades."""
    return sessions_of(TRADING_MARKET).is_open(at)
