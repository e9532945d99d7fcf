"""Find dates of which a calendar knows nothing yet, however far the installed release of the library reaches."""

from datetime import date, timedelta

import pytest

from thor.markets.sessions import sessions_of_calendar

WEDNESDAY, SATURDAY = 2, 5
#: Known for years ahead, as the rules of New York are published.
FAR = "XNYS"


def guessed(calendar: str, weekday: int = WEDNESDAY) -> date:
    """Return a date beyond the calendar's horizon, past the holidays of a new year, that New York still knows."""
    later = sessions_of_calendar(calendar).known_until + timedelta(weeks=1)
    found = later + timedelta(days=(weekday - later.weekday()) % 7)
    if found > sessions_of_calendar(FAR).known_until:
        pytest.skip(
            f"{calendar} is known for as long as {FAR} is: no date is guessed for the one and known for the other"
        )
    return found
