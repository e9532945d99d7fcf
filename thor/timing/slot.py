"""Mark one owed instant, and turn it into an occurrence."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from thor.timing.entry import FIXED_TIME_GRACE, Entry
from thor.timing.instants import later
from thor.timing.interval import OncePerSession
from thor.timing.occurrence import Occurrence


@dataclass(frozen=True, slots=True)
class Slot:
    """Mark one owed instant: when it is decided, what it is called, when its window ends."""

    due_at: datetime
    nominal_at: datetime
    ends_at: datetime
    session_date: date | None
    bell: bool = False


def deadline_of(entry: Entry, slot: Slot, floor: timedelta) -> datetime:
    """Return the instant from which on a run of this slot may no longer begin."""
    if type(entry.cadence) is OncePerSession and not slot.bell:
        return slot.ends_at if entry.deadline is None else min(later(slot.nominal_at, entry.deadline), slot.ends_at)
    grace = entry.grace(floor)
    if slot.bell and entry.deadline is None:
        grace = max(grace, FIXED_TIME_GRACE)
    return min(later(slot.nominal_at, entry.catch_up.patience(grace)), slot.ends_at)


def occurrence_of(entry: Entry, slot: Slot, deadline_at: datetime) -> Occurrence:
    """Name the occurrence of a slot."""
    return Occurrence(entry.id, slot.nominal_at, deadline_at, entry.market, slot.session_date)
