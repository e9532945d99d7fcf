"""The term: the number of a reign, owned by the database, which alone can prove who may write."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from thor.leadership.models import Leader
from thor.leadership.seat import SCHEDULER, Part, Seat
from thor.leadership.start import is_start


@dataclass(frozen=True, slots=True)
class Reign:
    """What a new leader starts from. `ahead` are parts that somebody has decided further than `decided_until`.

    `owed_start` is a start of the system whose runs nobody has written yet.
    """

    term: int
    decided_until: datetime | None
    published_seq: int
    seat: Seat = SCHEDULER
    ahead: Mapping[Part, datetime] = field(default_factory=dict)
    owed_start: datetime | None = None


def installation() -> uuid.UUID:
    """Return the id of this installation: two that share a Redis by mistake then do not share a lease."""
    return Leader.objects.get_or_create(id=SCHEDULER.row)[0].installation


def raise_term(
    holder: str, *, at: datetime, seat: Seat = SCHEDULER, now: datetime | None = None, starts_system: bool = False
) -> Reign:
    """Begin a reign at `at` of the wall, `now` of business time: raise the term, return what is decided so far.

    With `starts_system` a reign over jobs is a start of the system, whoever led before (`thor.leadership.start`). It
    fails where that takes longer than a second: the lease is worth little by then, and another may be luckier.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '1s'")
        Leader.objects.get_or_create(id=seat.row)
        Leader.objects.filter(id=seat.row).update(term=F("term") + 1, holder=holder, since=at)
        cursors = _cursors(seat)
        row = Leader.objects.get(id=seat.row)
        row.begin(seat.parts, min(cursors.values(), default=None))
        row.save(update_fields=["parts", "decided_until", "published_seq", "jobs_until", "others_until"])
        if Part.JOBS in seat.parts:
            _start(row, at, now or at, is_told=starts_system)
    return _reign(row, seat, cursors)


def reread(term: int, seat: Seat = SCHEDULER) -> Reign | None:
    """Return how far this reign has come, as the database knows it; nothing where a newer one has begun."""
    row = Leader.objects.filter(id=seat.row, term=term).first()
    return None if row is None else _reign(row, seat, _cursors(seat))


def decided_until(seat: Seat = SCHEDULER) -> datetime | None:
    """Return how far time has been decided."""
    return Leader.objects.filter(id=seat.row).values_list("decided_until", flat=True).first()


def part_decided_until(part: Part) -> datetime | None:
    """Return how far the lines of a part have been decided, from whichever seat."""
    return max((at for row in Leader.objects.all() if (at := row.until(part)) is not None), default=None)


def note_start(started_at: datetime) -> None:
    """Note that the runs of this start of the system, or of one before it, are written."""
    Leader.objects.filter(is_start_owed=True, system_started_at__lte=started_at).update(is_start_owed=False)


def is_current(term: int, seat: Seat = SCHEDULER) -> bool:
    """Tell whether `term` is still the highest: one cheap round trip."""
    return Leader.objects.filter(id=seat.row, term=term).exists()


def _start(row: Leader, at: datetime, now: datetime, *, is_told: bool) -> None:
    """Write down that jobs are led from now on, and whether that starts the system."""
    if is_told or is_start(Leader.objects.values_list("jobs_led_at", flat=True), at):
        row.system_started_at, row.is_start_owed = now, True
    row.jobs_led_at = at
    row.save(update_fields=["jobs_led_at", "system_started_at", "is_start_owed"])


def _owed_start(seat: Seat) -> datetime | None:
    """Return the newest start of the system whose runs are to be written, from whichever seat it began."""
    if Part.JOBS not in seat.parts:
        return None
    owed = Leader.objects.filter(is_start_owed=True).order_by("-system_started_at")
    return owed.values_list("system_started_at", flat=True).first()


def _cursors(seat: Seat) -> dict[Part, datetime]:
    """Return how far each part of a seat is decided, from whichever seat; nothing of one that never was."""
    rows = list(Leader.objects.all())
    found = {part: [at for row in rows if (at := row.until(part)) is not None] for part in sorted(seat.parts)}
    return {part: max(instants) for part, instants in found.items() if instants}


def _reign(row: Leader, seat: Seat, cursors: Mapping[Part, datetime]) -> Reign:
    start = row.decided_until
    ahead = {part: at for part, at in cursors.items() if start is not None and at > start}
    published_seq = 0 if seat.forgets else row.published_seq
    return Reign(row.term, start, published_seq, seat, ahead, _owed_start(seat))
