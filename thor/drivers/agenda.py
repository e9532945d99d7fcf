"""The lines of the schedule, ordered by when each is due next: what is due costs O(log n), not a look at every line."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from uuid import UUID

from thor.jobs import events
from thor.jobs.schedule import Row
from thor.timing import next_at


def unplannable(row: Row, error: Exception) -> None:
    """Say that the times of a line cannot be computed; it fires again once it is edited."""
    events.emit("thor.entry.unplannable", entry=row.name, reason=repr(error))


class Agenda:
    """A heap of instants, and the lines that are due at each of them.

    A line that moves leaves its old place behind, which is passed over when its instant comes up.
    """

    def __init__(self) -> None:
        self.rows: dict[UUID, Row] = {}
        self._instants: list[datetime] = []
        self._due: dict[datetime, dict[UUID, None]] = {}  # in order, and each once
        self._places: dict[UUID, datetime] = {}

    def apply(self, changed: Iterable[Row], gone: Iterable[UUID], *, after: Callable[[Row], datetime]) -> list[Row]:
        """Take over lines that are new or changed and forget those gone; return those that are due at other times.

        `after` tells up to when a line is decided.
        """
        for key in gone:
            self.rows.pop(key, None)
            self._places.pop(key, None)
        moved = [row for row in changed if self._differs(row)]
        self.rows.update((row.id, row) for row in changed)
        for row in moved:
            self.put(row, first_due(row, after(row)))
        return moved

    def put(self, row: Row, at: datetime | None) -> None:
        """Note when a line is due next; never, where there is no next time."""
        if at is None:
            self._places.pop(row.id, None)
            return
        lines = self._due.get(at)
        if lines is None:
            lines = self._due[at] = {}
            heapq.heappush(self._instants, at)
        lines[row.id] = None
        self._places[row.id] = at

    def take_due(self, now: datetime) -> Iterator[Row]:
        """Take out the lines that are due; the caller puts each back with its next time."""
        while self._instants and self._instants[0] <= now:
            at = heapq.heappop(self._instants)
            for key in self._due.pop(at):
                if self._places.get(key) == at:
                    del self._places[key]
                    yield self.rows[key]

    def next_due(self) -> datetime | None:
        """Return the next instant at which anything is due."""
        while self._instants and not self._is_lively(self._instants[0]):
            del self._due[heapq.heappop(self._instants)]
        return self._instants[0] if self._instants else None

    def _is_lively(self, at: datetime) -> bool:
        return any(self._places.get(key) == at for key in self._due[at])

    def _differs(self, row: Row) -> bool:
        known = self.rows.get(row.id)
        if known is None or known.version != row.version or known.timed.since != row.timed.since:
            return True
        return known.timed.sessions is not row.timed.sessions  # the calendar was read anew


def first_due(row: Row, after: datetime) -> datetime | None:
    """Return when a line is due first after an instant; what a paused one drops becomes one row, once it is resumed."""
    if row.timed.paused:
        return None
    try:
        return next_at(row.timed, after=after)
    except Exception as error:  # a line whose times cannot be computed must not stop the others
        unplannable(row, error)
        return None
