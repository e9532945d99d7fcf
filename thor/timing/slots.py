"""Find the slots of an entry: the instants that are owed, before anybody asks what became of them.

Three kinds come together: the instants of the cadence inside the window, the one instant of a once-a-session
entry, and the bells of `also_at`. An instant that a bell shares with the cadence belongs to the cadence.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from thor.timing.entry import FLOOR, OWED_BEFORE, Entry
from thor.timing.instants import EARLIEST, LATEST, MICROSECOND, earlier, later
from thor.timing.interval import Once, OncePerSession
from thor.timing.occurrence import Occurrence
from thor.timing.slot import Slot, deadline_of, occurrence_of
from thor.timing.spans import ALL_TIME, Opening

HORIZON = timedelta(days=400)
"""How far ahead a next slot is looked for: an entry whose times never meet its window has none."""


class Piece(NamedTuple):
    """Mark a part (low, high] of a decision, all in one span, with the end of the window that bounds it."""

    low: datetime
    high: datetime
    ends_at: datetime
    session_date: date | None


def next_at(entry: Entry, *, after: datetime) -> datetime | None:
    """Return when the entry is due next, strictly after `after`; None where that is not within a year.

    Pauses and catch-up do not count: a paused slot is decided too, and decided as paused.
    """
    slot = next_slot(entry, after)
    return slot.due_at if slot else None


def occurrences(entry: Entry, start: datetime, end: datetime, limit: int | None = None) -> Iterator[Occurrence]:
    """Yield what the entry will owe in [start, end), in order, `limit` at most."""
    after, given = earlier(start, MICROSECOND), 0
    while limit is None or given < limit:
        slot = next_slot(entry, after)
        if slot is None or slot.due_at >= end:
            return
        yield occurrence_of(entry, slot, deadline_of(entry, slot, FLOOR))
        after, given = slot.due_at, given + 1


def next_slot(entry: Entry, after: datetime) -> Slot | None:
    """Return the first slot decided strictly after `after`, bells among them."""
    regular = _next_slot(entry, after)
    if not entry.also_at:
        return regular
    return _next_bell(entry, after, regular.due_at if regular else later(after, HORIZON)) or regular


def pieces(entry: Entry, after: datetime, until: datetime) -> Iterator[Piece]:
    """Yield the pieces of the window that (after, until] meets; their slots are those of the cadence."""
    begins = EARLIEST if entry.start is None else entry.start
    ends = LATEST if entry.until is None else entry.until
    for span in (ALL_TIME,) if entry.always else entry.spans().touching(after, until):
        low, high = after, until
        first, last = max(span.start, begins), min(span.end, ends)
        if first > low:
            low = first - MICROSECOND
        if last <= high:
            high = last - MICROSECOND
        if low < high:
            yield Piece(low, high, min(span.open_until, ends), span.session_date)


def session_slots(entry: Entry, after: datetime, until: datetime) -> Iterator[Slot]:
    """Yield the slots of a once-a-session entry that are decided in (after, until]."""
    seen: date | None = None
    first = max(after, earlier(_owed_from(entry), MICROSECOND))
    for span in entry.spans().touching(first, until):
        if span.session_date != seen:
            seen = span.session_date
            slot = _session_slot(entry, span)
            if slot and after < slot.due_at <= until:
                yield slot


def bell_slots(entry: Entry, after: datetime, until: datetime) -> Iterator[Slot]:
    """Yield the bells of `also_at` in (after, until] that are no slots of the cadence."""
    marks = entry.marks()
    for mark in marks.touching(max(after, entry.since), until) if marks else ():
        slot = _bell_slot(entry, mark)
        if slot and slot.due_at > after:
            yield slot


def cursor_of(entry: Entry, after: datetime, now: datetime) -> datetime:
    """Return the instant after which slots of the cadence are undecided.

    A clocked time up to a minute before `since` is owed, and is decided as if it came at `since`.
    """
    since = entry.since
    if type(entry.cadence) is Once and after < since <= now:
        at = entry.cadence.at
        if earlier(since, OWED_BEFORE) <= at <= since:
            return earlier(at, MICROSECOND)
    return after if after > since else since


def _next_slot(entry: Entry, after: datetime) -> Slot | None:
    if type(entry.cadence) is OncePerSession:
        return _next_session_slot(entry, after)
    if type(entry.cadence) is Once:
        return _once_slot(entry, entry.cadence, after)
    return _next_in_window(entry, after if after > entry.since else entry.since)


def _next_in_window(entry: Entry, after: datetime) -> Slot | None:
    """Walk from span to span until one holds an instant of the cadence."""
    if entry.start is not None and entry.start > after:
        after = earlier(entry.start, MICROSECOND)
    until = LATEST if entry.until is None else entry.until
    at = entry.cadence.next_after(after)
    if at is None or at >= until:
        return None
    if entry.always:
        return Slot(at, at, until, None)
    limit = min(until, later(after, HORIZON))
    while at is not None and at < limit:
        span = entry.spans().ending_after(at)
        if span is None:
            return None
        if span.start <= at:
            return Slot(at, at, min(span.open_until, until), span.session_date)
        at = entry.cadence.next_after(earlier(span.start, MICROSECOND))
    return None


def _once_slot(entry: Entry, once: Once, after: datetime) -> Slot | None:
    """Return the slot of a clocked time; one just before `since` is due at `since`."""
    if once.at < earlier(entry.since, OWED_BEFORE) or (entry.start is not None and once.at < entry.start):
        return None
    due_at = max(once.at, entry.since)
    slot = _next_in_window(entry, earlier(once.at, MICROSECOND)) if due_at > after else None
    return slot and Slot(due_at, once.at, slot.ends_at, slot.session_date)


def _next_session_slot(entry: Entry, after: datetime) -> Slot | None:
    span = entry.spans().ending_after(max(after, earlier(_owed_from(entry), MICROSECOND)))
    while span is not None:
        slot = _session_slot(entry, span)
        if slot and slot.due_at > after:
            return slot
        if entry.until is not None and span.start >= entry.until:
            return None
        span = entry.spans().ending_after(span.end)
    return None


def _session_slot(entry: Entry, span: Opening) -> Slot | None:
    """Return the slot of the session of `span`: the first moment of its window at which it is owed."""
    begins, until = _owed_from(entry), LATEST if entry.until is None else entry.until
    for part in entry.spans().session_of(span.start, span.session_date):
        at = max(part.start, begins)
        if at < part.end:
            ends_at = min(part.end, until)
            return Slot(at, at, ends_at, part.session_date) if at < ends_at else None
    return None


def _owed_from(entry: Entry) -> datetime:
    return entry.since if entry.start is None else max(entry.since, entry.start)


def _next_bell(entry: Entry, after: datetime, before: datetime) -> Slot | None:
    """Return the first bell in (after, before) that is a slot of its own."""
    return next(bell_slots(entry, after, earlier(before, MICROSECOND)), None)


def _bell_slot(entry: Entry, mark: Opening) -> Slot | None:
    """Return the slot of a bell, or None where the entry is not owed or fires then anyway."""
    at, until = mark.start, LATEST if entry.until is None else entry.until
    if at <= entry.since or at >= until or (entry.start is not None and at < entry.start):
        return None
    if _fires_at(entry, at):
        return None
    return Slot(at, at, until, mark.session_date, bell=True)


def _fires_at(entry: Entry, at: datetime) -> bool:
    """Say whether the cadence itself has a slot at this instant."""
    before = earlier(at, MICROSECOND)
    if type(entry.cadence) is OncePerSession:
        return any(slot.due_at == at for slot in session_slots(entry, before, at))
    return any(entry.cadence.count(piece.low, piece.high) for piece in pieces(entry, before, at))
