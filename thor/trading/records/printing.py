"""Print instants as people on the desk read them: in MARKET_TIMEZONE."""

from datetime import datetime
from zoneinfo import ZoneInfo

from thor.env import env


def printing_zone() -> ZoneInfo:
    """Return the zone of printed times; it moves no session."""
    return ZoneInfo(env().market_timezone)


def told(at: datetime) -> str:
    """Return an instant in words, to the second, with the name of the printing zone."""
    return f"{at.astimezone(printing_zone()):%Y-%m-%d %H:%M:%S %Z}"


def told_time(at: datetime) -> str:
    """Return the time of day, to the second, with the name of the printing zone."""
    return f"{at.astimezone(printing_zone()):%H:%M:%S %Z}"


def printed(at: datetime) -> str:
    """Return an instant in ISO with the offset of the printing zone."""
    return at.astimezone(printing_zone()).isoformat()
