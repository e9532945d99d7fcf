"""Decide what is due: the one place of Thor that does.

Everything is an argument, the time too, so every driver, page and test that asks about the same stretch gets
the same answer. A decision covers (after, now]: each slot in it is either due or dropped with a reason, and
the next call goes on where this one ended.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from thor.timing.catchup import All
from thor.timing.entry import FLOOR, Entry
from thor.timing.instants import MICROSECOND
from thor.timing.interval import OncePerSession
from thor.timing.occurrence import Occurrence
from thor.timing.slots import (
    Slot,
    bell_slots,
    cursor_of,
    deadline_of,
    next_at,
    occurrence_of,
    occurrences,
    pieces,
    session_slots,
)
from thor.timing.window import WindowSpan

__all__ = ["FLOOR", "Dropped", "Entry", "Plan", "Reason", "next_at", "occurrences", "plan"]

Reason = Literal["superseded", "deadline", "paused"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Record a run of slots that will not run: the first, the last, how many, why."""

    entry: UUID
    first_at: datetime
    last_at: datetime
    count: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """Answer one question: what is due, what was dropped, when to ask again."""

    due: tuple[Occurrence, ...]
    dropped: tuple[Dropped, ...]
    next_at: datetime | None


def plan(
    entry: Entry, *, after: datetime, now: datetime, floor: timedelta = FLOOR, fold: bool = False
) -> Plan:
    """Decide the slots of `entry` in (after, now], as far as they lie after its `since`.

    Give the cursor itself as `after`, not its maximum with `since`: what is owed at `since` (a once-a-session
    entry enabled inside its window, a clocked time that had just passed) would count as decided. `floor` is
    the shortest grace. `fold` is for a replay: the slots of a session become one occurrence that says how
    many it stands for, and lateness drops nothing.
    """
    decision = _Decision(entry, now, floor, fold)
    if now > after:
        if type(entry.cadence) is OncePerSession:
            for slot in session_slots(entry, after, now):
                decision.session(slot)
        else:
            for low, high, span in pieces(entry, cursor_of(entry, after, now), now):
                decision.stretch(low, high, span)
        if entry.also_at:
            for slot in bell_slots(entry, after, now):
                decision.bell(slot)
    return Plan(decision.due(), decision.dropped(), next_at(entry, after=now if now > after else after))


class _Decision:
    """Gather one decision while it is being made."""

    __slots__ = ("_dropped", "_due", "_entry", "_floor", "_fold", "_folds", "_now")

    def __init__(self, entry: Entry, now: datetime, floor: timedelta, fold: bool) -> None:
        self._entry = entry
        self._now = now
        self._floor = floor
        self._fold = fold
        self._due: list[Occurrence] = []
        self._folds: dict[date | None, int] = {}
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

    def stretch(self, low: datetime, high: datetime, span: WindowSpan) -> None:
        """Decide the slots of the cadence in (low, high], all of one span."""
        count = self._entry.cadence.count(low, high)
        if not count:
            return
        if self._entry.paused:
            self._drop(low, high, count, "paused")
        elif self._fold:
            self._fold_in(low, high, count, span)
        elif span.end <= self._now:
            self._drop(low, high, count, "deadline")
        else:
            self._catch_up(low, high, count, span)

    def session(self, slot: Slot) -> None:
        """Decide a once-a-session slot: it is due as long as its window is open, break or no break before."""
        parts = self._entry.spans().session_of(WindowSpan(slot.due_at, slot.ends_at, slot.session_date))
        part = next((part for part in parts if part.start <= self._now < part.end), None)
        if part is not None and part.end > slot.ends_at:
            slot = replace(
                slot, ends_at=part.end if self._entry.until is None else min(part.end, self._entry.until)
            )
        self._single(slot)

    def bell(self, slot: Slot) -> None:
        """Decide a bell of `also_at`: it stands for itself and is superseded by nothing."""
        self._single(slot)

    def _single(self, slot: Slot) -> None:
        deadline_at = deadline_of(self._entry, slot, self._floor)
        if self._entry.paused:
            self._drop_one(slot.nominal_at, "paused")
        elif deadline_at > self._now or self._fold:
            self._owe(slot, deadline_at)
        else:
            self._drop_one(slot.nominal_at, "deadline")

    def _catch_up(self, low: datetime, high: datetime, count: int, span: WindowSpan) -> None:
        """Apply the entry's policy to slots whose window is still open."""
        entry = self._entry
        cutoff = entry.catch_up.cutoff(self._now, entry.grace(self._floor))
        fresh = count
        if cutoff > low:
            fresh = entry.cadence.count(cutoff, high) if cutoff < high else 0
            if fresh < count:
                self._drop(low, min(cutoff, high), count - fresh, "deadline")
            low = cutoff
        if not fresh:
            return
        if isinstance(entry.catch_up, All):
            self._owe_each(low, fresh, span)
            return
        newest = entry.cadence.last_at_or_before(high)
        if newest is not None:
            if fresh > 1:
                self._drop(low, newest - MICROSECOND, fresh - 1, "superseded")
            self._owe_slot(newest, span)

    def _owe_each(self, low: datetime, count: int, span: WindowSpan) -> None:
        at = self._entry.cadence.next_after(low)
        while at is not None and count:
            self._owe_slot(at, span)
            at, count = self._entry.cadence.next_after(at), count - 1

    def _owe_slot(self, at: datetime, span: WindowSpan) -> None:
        slot = Slot(at, at, span.end, span.session_date)
        self._due.append(occurrence_of(self._entry, slot, self._floor))

    def _owe(self, slot: Slot, deadline_at: datetime, folded: int = 0, first: datetime | None = None) -> None:
        """Owe a slot. In a replay time leaps, so there a run has its grace from now on at least."""
        if self._fold and deadline_at <= self._now:
            deadline_at = self._now + self._entry.grace(self._floor)
        entry = self._entry
        self._due.append(
            Occurrence(
                entry.id,
                slot.nominal_at,
                deadline_at,
                entry.market,
                slot.session_date,
                folded=folded,
                folded_from=first,
            )
        )

    def _fold_in(self, low: datetime, high: datetime, count: int, span: WindowSpan) -> None:
        """Fold slots into the occurrence of their session, which moves to the newest of them."""
        first, newest = self._entry.cadence.next_after(low), self._entry.cadence.last_at_or_before(high)
        if first is None or newest is None:
            return
        place = self._folds.get(span.session_date)
        if place is not None:
            earlier_one = self._due.pop(place)
            count += earlier_one.folded + 1
            first = earlier_one.folded_from or earlier_one.nominal_at
        self._folds[span.session_date] = len(self._due)
        slot = Slot(newest, newest, span.end, span.session_date)
        deadline_at = deadline_of(self._entry, slot, self._floor)
        self._owe(slot, deadline_at, count - 1, first if count > 1 else None)

    def _drop(self, low: datetime, high: datetime, count: int, reason: Reason) -> None:
        """Drop the `count` slots of (low, high]."""
        first, last = self._entry.cadence.next_after(low), self._entry.cadence.last_at_or_before(high)
        if first is not None and last is not None:
            self._drop_run(Dropped(self._entry.id, first, last, count, reason))

    def _drop_one(self, at: datetime, reason: Reason) -> None:
        self._drop_run(Dropped(self._entry.id, at, at, 1, reason))

    def _drop_run(self, run: Dropped) -> None:
        known = self._dropped.get(run.reason)
        if known is not None:
            first, last = min(known.first_at, run.first_at), max(known.last_at, run.last_at)
            run = Dropped(run.entry, first, last, known.count + run.count, run.reason)
        self._dropped[run.reason] = run
