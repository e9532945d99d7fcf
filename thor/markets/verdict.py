"""Judge an override before it is taken over: by itself, and against the calendar that it changes."""

from thor.markets.overrides import DayOverride, Fault, fault, overridden
from thor.markets.sessions import sessions_of_calendar
from thor.markets.store import CalendarUnavailable


def verdict(override: DayOverride, calendar: str) -> Fault | None:
    """Return the field to change and why, or None if the override makes a session, or closes one.

    While the calendar cannot be read, only the override itself is judged: a closure must not wait for it.
    """
    wrong = fault(override)
    if wrong:
        return wrong
    try:
        columns = sessions_of_calendar(calendar).columns_beyond(override.date)
    except CalendarUnavailable:
        return None
    _, voids = overridden(columns, [override])
    return (_field(override), voids[override.date]) if voids else None


def _field(override: DayOverride) -> str:
    """Return the field to show it at: the hour that was given last, or the date of a closure."""
    if override.close is not None:
        return "close"
    return "open" if override.open is not None else "date"
