"""The lines of the schedule, ordered by when each is due next: what is due costs O(log n), not a look at every line."""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import count
from uuid import UUID

from thor.jobs import events
from thor.jobs.schedule import Row
from thor.timing import next_at


def unplannable(row: Row, error: Exception) -> None:
    """Say that the times of a line cannot be computed; it fires again once it is edited."""
    events.emit("thor.entry.unplannable", entry=row.name, reason=repr(error))


class Agenda:
    """A heap of (next due, line). A changed line leaves its old place behind, thrown away when it comes up."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Row] = {}
        self._heap: list[tuple[datetime, int, UUID]] = []
        self._places: dict[UUID, int] = {}
        self._numbers = count()

    def apply(self, changed: Iterable[Row], gone: Iterable[UUID], *, after: datetime) -> list[Row]:
        """Take over lines that are new or changed and forget those gone; return those that are due at other times."""
        for key in gone:
            if self.rows.pop(key, None) is not None:
                del self._places[key]
        moved = [row for row in changed if self._differs(row)]
        self.rows.update((row.id, row) for row in changed)
        for row in moved:
            self.put(row, self._first(row, after))
        return moved

    @staticmethod
    def _first(row: Row, after: datetime) -> datetime | None:
        if row.timed.paused:
            return None  # what is dropped meanwhile becomes one row, when it is resumed
        try:
            return next_at(row.timed, after=after)
        except Exception as error:  # a line whose times cannot be computed must not stop the others
            unplannable(row, error)
            return None

    def put(self, row: Row, at: datetime | None) -> None:
        """Note when a line is due next; never, where there is no next time."""
        self._places[row.id] = number = next(self._numbers)
        if at is not None:
            heapq.heappush(self._heap, (at, number, row.id))

    def take_due(self, now: datetime) -> Iterator[Row]:
        """Take out the lines that are due; the caller puts each back with its next time."""
        while self._heap and self._heap[0][0] <= now:
            _, number, key = heapq.heappop(self._heap)
            if self._places.get(key) == number:
                yield self.rows[key]

    def next_due(self) -> datetime | None:
        """Return the next instant at which anything is due."""
        while self._heap and self._places.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _differs(self, row: Row) -> bool:
        known = self.rows.get(row.id)
        if known is None or known.version != row.version or known.timed.since != row.timed.since:
            return True
        return known.timed.sessions is not row.timed.sessions  # the calendar was read anew
