"""What a scheduler knows of the schedule, while it leads and while it stands by: the lines, and when each is due next.

`cursor` is the instant up to which nothing is looked for any more. It may trail behind what is decided, and never be
ahead of it: a standby that follows the leader can then begin at once, where the leader ended.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from thor.drivers.agenda import Agenda, first_due
from thor.jobs.schedule import MANY, Row, Schedule
from thor.leadership.seat import BOTH, Part


class Timetable:
    """The lines of the schedule as last read, on an agenda."""

    def __init__(self, cursor: datetime, parts: frozenset[Part] = BOTH) -> None:
        """Know nothing yet; what is due after `cursor` counts."""
        self.agenda, self.cursor = Agenda(), cursor
        self._schedule = Schedule(parts)
        self._ahead: Mapping[Part, datetime] = {}

    def decided(self, part: Part) -> datetime:
        """Return the instant up to which the lines of a part are decided: the cursor, or further where it is ahead."""
        return max(self.cursor, self._ahead.get(part, self.cursor))

    def after(self, row: Row) -> datetime:
        """Return the instant up to which a line is decided."""
        return self.decided(row.part) if self._ahead else self.cursor

    def read(
        self, at: datetime, *, announced: bool = False, writes: bool = True, alive: Callable[[], None] = lambda: None
    ) -> tuple[list[Row], int]:
        """Take over what changed in the schedule; return the lines that are due at other times, and how many are gone.

        `announced` tells that somebody said so, which costs less to find. `writes` are for the leader alone.
        """
        is_first = not self.agenda.rows
        with _no_collection():
            if announced:
                changes = self._schedule.look_at_edits(at)
            else:
                changes = self._schedule.look(at, writes=writes, progress=alive)
            alive()
            moved = self.agenda.apply(changes.changed, changes.gone, after=self.after)
            if is_first and len(changes.changed) > MANY:
                gc.freeze()
        return moved, len(changes.gone)

    def follow(self, decided_until: datetime) -> None:
        """Pass over what the leader has decided."""
        for row in list(self.agenda.take_due(decided_until)):
            self.agenda.put(row, first_due(row, decided_until))
        self.cursor = max(self.cursor, decided_until)

    def begin(self, decided_until: datetime, ahead: Mapping[Part, datetime] | None = None) -> None:
        """Go on from where time is decided until; look again for what was passed over, where that is earlier."""
        has_passed = decided_until < self.cursor
        self.cursor, self._ahead = decided_until, ahead or {}
        if has_passed:
            for row in self.agenda.rows.values():
                self.agenda.put(row, first_due(row, self.after(row)))

    def ended(self, pks: list[int]) -> None:
        """Let go of lines that switched themselves off: whoever switches one on again makes a new line of it."""
        self.agenda.apply([], self._schedule.forget(pks), after=self.after)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the collector of cycles off a long schedule, which has none: it would look at all lines again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
