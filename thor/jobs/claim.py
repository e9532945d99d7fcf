"""What a worker knows of a run: the header of its message, and the claim that it made."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from thor.timing import Occurrence

HEADER = "thor_run"
#: Where a task's request says that it is carried out in the process of its scheduler, and by what.
INLINE = "thor_inline"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that this worker, and no other, may carry out now."""

    uid: uuid.UUID
    token: uuid.UUID
    name: str
    attempt: int
    time_limit: float | None
    lateness_ms: float
    occurrence: Occurrence
    #: The window of its entry as it is by now, empty where the entry is gone.
    window: str = ""
    #: What the job declares for middleware; a user's own task declares nothing.
    options: Mapping[str, Any] = field(default_factory=dict)
    once_a_session: bool = False
    also_at: frozenset[str] = frozenset()

    @property
    def fields(self) -> dict[str, Any]:
        """Return what every event about this run carries."""
        return {
            "entry": self.name,
            "nominal_at": self.occurrence.nominal_at.isoformat(),
            "run": str(self.uid),
            "attempt": self.attempt,
            "late_ms": round(self.lateness_ms, 3),
        }


def header(occurrence: Occurrence) -> dict[str, Any]:
    """Return the header that carries an occurrence to a worker, in JSON's types."""
    return {
        "entry": str(occurrence.entry),
        "nominal_at": occurrence.nominal_at.isoformat(),
        "deadline_at": occurrence.deadline_at.isoformat(),
        "market": occurrence.market,
        "session_date": occurrence.session_date.isoformat() if occurrence.session_date else None,
        "origin": occurrence.origin,
        "folded": occurrence.folded,
        "folded_from": occurrence.folded_from.isoformat() if occurrence.folded_from else None,
    }


def occurrence_of(found: dict[str, Any]) -> Occurrence:
    """Return the occurrence that a header carries."""
    return Occurrence(
        entry=uuid.UUID(found["entry"]),
        nominal_at=datetime.fromisoformat(found["nominal_at"]),
        deadline_at=datetime.fromisoformat(found["deadline_at"]),
        market=found["market"],
        session_date=date.fromisoformat(found["session_date"]) if found["session_date"] else None,
        origin=found["origin"],
        folded=found["folded"],
        folded_from=datetime.fromisoformat(found["folded_from"]) if found["folded_from"] else None,
    )
