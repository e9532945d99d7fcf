"""Name what became of a slot: owed, with the identity of its run, or dropped, with the reason."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID, uuid5

from thor.timing.instants import micros

NAMESPACE = UUID("6f0d2c1e-5b7a-5c55-9a3e-74686f720000")


def run_id(entry: UUID, nominal_at: datetime, origin: str = "") -> UUID:
    """Name the run of an occurrence: the same everywhere, without asking anybody.

    Two leaders that decide the same slot name the same run, so the ledger keeps one. `origin` is empty for a
    scheduled run; a run by hand or a back-fill of the same slot carries its own.
    """
    return uuid5(NAMESPACE, f"{entry}:{micros(nominal_at)}:{origin}")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Owe one run: this entry, at this instant.

    `market` is empty for work that belongs to none. `nominal_at` is the slot, never the moment of deciding; at
    `deadline_at` the run may no longer begin. `folded` counts the earlier slots of a replay that this run stands for,
    from `folded_from` on.
    """

    entry: UUID
    nominal_at: datetime
    deadline_at: datetime
    market: str = ""
    session_date: date | None = None
    origin: str = ""
    folded: int = 0
    folded_from: datetime | None = None

    @property
    def run_id(self) -> UUID:
        """The name of its run."""
        return run_id(self.entry, self.nominal_at, self.origin)


Reason = Literal["superseded", "deadline", "paused"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Record a run of slots that will not run: the first, the last, how many, why."""

    entry: UUID
    first_at: datetime
    last_at: datetime
    count: int
    reason: Reason
