"""Leave out of a plan what the ledger will refuse: a second run of an entry in one session.

A window that is edited, an entry that is resumed or a session that is given other hours can make an entry due again in
a session in which it has run. The leader decides that occurrence too, and the ledger takes one a session.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from thor.jobs.forecast_series import Series
from thor.jobs.models import Run

#: An entry, and the date of a session.
Turn = tuple[UUID, date]


def turns_taken(told: Iterable[tuple[UUID, Series]]) -> dict[Turn, datetime]:
    """Return, of the turns that are told, those of which the ledger has a run, and when that was due."""
    asked = {turn for entry, one in told if (turn := turn_of(entry, one)) is not None}
    if not asked:
        return {}
    entries, dates = {entry for entry, _ in asked}, {on for _, on in asked}
    rows = Run.objects.filter(entry__in=entries, once_on__in=dates).values_list("entry", "once_on", "nominal_at")
    return {(entry, on): due for entry, on, due in rows if on is not None}


def is_repeat(entry: UUID, one: Series, taken: dict[Turn, datetime]) -> bool:
    """Tell whether the entry has run in that session before; the run itself is no repetition."""
    turn = turn_of(entry, one)
    return turn is not None and turn in taken and taken[turn] < one.first_at


def turn_of(entry: UUID, one: Series) -> Turn | None:
    """Return the turn that an occurrence takes; None where it is not once a session, or told as if it had been."""
    if one.by != "session" or one.session_date is None or one.younger:
        return None
    return entry, one.session_date
