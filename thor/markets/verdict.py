"""Judge an override before it is taken over: by itself, and against the calendar and the overrides beside it."""

from collections.abc import Iterable

from thor.markets.overrides import DayOverride, Fault, fault, overridden
from thor.markets.sessions import sessions_of_calendar
from thor.markets.store import CalendarUnavailable


def verdict(override: DayOverride, calendar: str, beside: Iterable[DayOverride] = ()) -> Fault | None:
    """Return the field to change and why, or None if the override makes a session, or closes one.

    `beside` are the market's overrides as they are: with those of other dates it is judged, and none of them may become
    void by it. While the calendar cannot be read, only the override itself is judged: a closure must not wait for it.
    """
    wrong = fault(override)
    if wrong:
        return wrong
    known = list(beside)
    wanted = [override, *(one for one in known if one.date != override.date)]
    try:
        columns = sessions_of_calendar(calendar).columns_beyond(max(one.date for one in [*known, override]))
    except CalendarUnavailable:
        return None
    void_already = overridden(columns, known)[1].keys() - {override.date}
    voids = {day: void for day, void in overridden(columns, wanted)[1].items() if day not in void_already}
    return (_field(override), voids.get(override.date) or next(iter(voids.values()))) if voids else None


def _field(override: DayOverride) -> str:
    """Return the field to show it at: the hour that was given last, or the date of a closure."""
    if override.close is not None:
        return "close"
    return "open" if override.open is not None else "date"
