"""Find the next open and the next close of a market."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from thor.markets.table import SessionTable

#: How far ahead is looked for the end of sessions that join each other without a gap.
REACH: Final = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The first open and the first close after an instant; None where a market rings none."""

    open: datetime | None = None
    close: datetime | None = None


def upcoming(table: SessionTable, at: datetime) -> Upcoming:
    """Return the first open and the first close strictly after `at`.

    While a market is open its next open is the next session's and its next close this session's, so the next open comes
    after the next close. While it is closed both are those of the session to come. Breaks ring no bell. Where a session
    begins at the instant at which the one before ended, neither that close nor that open counts.
    """
    if table.continuous:
        return Upcoming()
    sessions = table.around(at, at + REACH)
    joined = {before.close for before, behind in pairwise(sessions) if before.close == behind.open}
    opens, closes = (session.open for session in sessions), (session.close for session in sessions)
    return Upcoming(_first(opens, at, joined), _first(closes, at, joined))


def _first(bells: Iterable[datetime], at: datetime, joined: set[datetime]) -> datetime | None:
    return next((bell for bell in bells if bell > at and bell not in joined), None)
