"""Make one decision: judge slot by slot what is due and what is dropped, and why."""

from dataclasses import replace
from datetime import datetime, timedelta

from thor.timing.catchup import All
from thor.timing.entry import Entry
from thor.timing.instants import MICROSECOND
from thor.timing.occurrence import Dropped, Occurrence, Reason
from thor.timing.slot import Slot, deadline_of, occurrence_of
from thor.timing.slots import Piece


class Decision:
    """Gather what is due and what is dropped of one entry at one time."""

    __slots__ = ("_dropped", "_due", "_entry", "_floor", "_fold", "_now")

    def __init__(self, entry: Entry, now: datetime, floor: timedelta, fold: bool) -> None:
        self._entry = entry
        self._now = now
        self._floor = floor
        self._fold = fold
        self._due: list[Occurrence] = []
        self._dropped: dict[Reason, Dropped] = {}

    def due(self) -> tuple[Occurrence, ...]:
        """Return what is due, oldest first."""
        if len(self._due) > 1:
            self._due.sort(key=lambda occurrence: occurrence.nominal_at)
        return tuple(self._due)

    def dropped(self) -> tuple[Dropped, ...]:
        """Return what was dropped, one run a reason, oldest first."""
        if not self._dropped:
            return ()
        return tuple(sorted(self._dropped.values(), key=lambda run: run.first_at))

    def judge_piece(self, piece: Piece) -> None:
        """Judge the slots that the cadence has in one piece of the window."""
        low, high, ends_at, _ = piece
        count = self._entry.cadence.count(low, high)
        if not count:
            return
        if self._entry.paused:
            self._drop(low, high, count, "paused")
        elif self._fold:
            self._fold_in(piece, count)
        elif ends_at <= self._now:
            self._drop(low, high, count, "deadline")
        else:
            self._catch_up(piece, count)

    def judge_session(self, slot: Slot) -> None:
        """Judge a once-a-session slot: its run may begin in any part of the session that its window has."""
        limit = self._entry.until
        for part in self._entry.spans().session_of(slot.due_at, slot.session_date):
            if part.start <= self._now < part.end:
                slot = replace(slot, ends_at=part.end if limit is None else min(part.end, limit))
        self.judge(slot)

    def judge(self, slot: Slot) -> None:
        """Judge a slot that stands for itself: nothing supersedes it, nothing folds it."""
        deadline_at = deadline_of(self._entry, slot, self._floor)
        if self._entry.paused:
            self._drop_run(slot.nominal_at, slot.nominal_at, 1, "paused")
        elif self._fold:
            self._due.append(occurrence_of(self._entry, slot, self._replay_deadline(deadline_at)))
        elif deadline_at > self._now:
            self._due.append(occurrence_of(self._entry, slot, deadline_at))
        else:
            self._drop_run(slot.nominal_at, slot.nominal_at, 1, "deadline")

    def _catch_up(self, piece: Piece, count: int) -> None:
        """Apply the policy of the entry to slots whose window is still open."""
        low, high, _, _ = piece
        cutoff = self._entry.catch_up.cutoff(self._now, self._entry.grace(self._floor))
        if cutoff > low:
            cutoff = min(cutoff, high)
            stale = self._entry.cadence.count(low, cutoff)
            self._drop(low, cutoff, stale, "deadline")
            low, count = cutoff, count - stale
        if count and isinstance(self._entry.catch_up, All):
            self._owe_each(low, count, piece)
        elif count:
            self._owe_newest(low, count, piece)

    def _owe_newest(self, low: datetime, count: int, piece: Piece) -> None:
        newest = self._entry.cadence.last_at_or_before(piece.high)
        if newest is not None:
            for older in self._due:  # of a session that this one follows without a gap
                self._drop_run(older.nominal_at, older.nominal_at, 1, "superseded")
            self._due.clear()
            self._drop(low, newest - MICROSECOND, count - 1, "superseded")
            self._owe(newest, piece)

    def _owe_each(self, low: datetime, count: int, piece: Piece) -> None:
        at = self._entry.cadence.next_after(low)
        while at is not None and count:
            self._owe(at, piece)
            at, count = self._entry.cadence.next_after(at), count - 1

    def _owe(self, at: datetime, piece: Piece) -> None:
        slot = Slot(at, at, piece.ends_at, piece.session_date)
        self._due.append(occurrence_of(self._entry, slot, deadline_of(self._entry, slot, self._floor)))

    def _fold_in(self, piece: Piece, count: int) -> None:
        """Fold slots into one occurrence of their session, at the newest of them."""
        low, high, ends_at, session_date = piece
        first, newest = self._entry.cadence.next_after(low), self._entry.cadence.last_at_or_before(high)
        if first is None or newest is None:
            return
        if self._due and self._due[-1].session_date == session_date:
            before = self._due.pop()
            first, count = before.folded_from or before.nominal_at, count + before.folded + 1
        slot = Slot(newest, newest, ends_at, session_date)
        deadline_at = self._replay_deadline(deadline_of(self._entry, slot, self._floor))
        occurrence = occurrence_of(self._entry, slot, deadline_at)
        if count > 1:
            occurrence = replace(occurrence, folded=count - 1, folded_from=first)
        self._due.append(occurrence)

    def _replay_deadline(self, deadline_at: datetime) -> datetime:
        """Leave a run of a replay its grace from now on: there time leaps, over the end of a window too."""
        return deadline_at if deadline_at > self._now else self._now + self._entry.grace(self._floor)

    def _drop(self, low: datetime, high: datetime, count: int, reason: Reason) -> None:
        """Drop the `count` slots of the cadence in (low, high]."""
        if count:
            first, last = self._entry.cadence.next_after(low), self._entry.cadence.last_at_or_before(high)
            if first is not None and last is not None:
                self._drop_run(first, last, count, reason)

    def _drop_run(self, first: datetime, last: datetime, count: int, reason: Reason) -> None:
        known = self._dropped.get(reason)
        if known is not None:
            first, last, count = min(known.first_at, first), max(known.last_at, last), known.count + count
        self._dropped[reason] = Dropped(self._entry.id, first, last, count, reason)
