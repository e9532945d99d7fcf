"""Questions about leadership, for pages and commands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max

from thor.connections import redis_client
from thor.env import env
from thor.leadership.lease import LeaseUnreachable, RedisLease
from thor.leadership.models import Leader
from thor.leadership.seat import BESIDE_STACK, SCHEDULER, STACK, Seat
from thor.leadership.term import installation


@dataclass(frozen=True, slots=True)
class LeaderStatus:
    """Who leads now. `lease_age` is the time since the last renewal; `is_held` is false when nobody leads."""

    holder: str
    term: int
    since: datetime | None
    decided_until: datetime | None
    is_held: bool
    lease_age: timedelta | None
    problem: str
    next_due_at: datetime | None = None

    @property
    def lease_age_ms(self) -> int | None:
        """Return the age of the lease in milliseconds."""
        return None if self.lease_age is None else round(self.lease_age / timedelta(milliseconds=1))


def lease_key(seat: Seat = SCHEDULER) -> str:
    """Return the key of the lease of a seat of this installation."""
    return _key(seat, installation())


def _key(seat: Seat, installation_id: UUID) -> str:
    return f"{seat.lease}:{installation_id}"


def released_channel(seat: Seat = SCHEDULER) -> str:
    """Return the channel on which a holder says that it released the lease."""
    return f"{lease_key(seat)}:released"


def step_down_key() -> str:
    """Return the key that asks one holder, by name, to make way."""
    return f"thor:step_down:{installation()}"


def leader_status(seat: Seat | None = None) -> LeaderStatus:
    """Return who leads from a seat, from its row in the database and its lease in Redis.

    Where no seat is named it is the one from which Thor's jobs are decided, in the mode of this installation.
    """
    seat = seat or seats_in_use()[0]
    # One question, and no row made: this is asked by every page and every scrape.
    rows = Leader.objects.in_bulk([SCHEDULER.row, seat.row])
    first, row = (rows.get(number) or Leader(id=number) for number in (SCHEDULER.row, seat.row))
    holding, problem = None, ""
    try:
        holding = RedisLease(redis_client(), _key(seat, first.installation)).holding()
    except LeaseUnreachable as error:
        problem = str(error)
    age = env().lease_time - holding.remaining if holding else None
    holder = holding.holder if holding else row.holder
    held = holding is not None
    return LeaderStatus(holder, row.term, row.since, row.decided_until, held, age, problem, row.next_due_at)


def system_started_at() -> datetime | None:
    """Return when the system started last, in business time: after five minutes without a leader, or as it was told.

    Nothing where nobody has ever led Thor's jobs. A run of that start has this very instant as its nominal time.
    """
    started: datetime | None = Leader.objects.aggregate(at=Max("system_started_at"))["at"]
    return started


def seats_in_use() -> tuple[Seat, ...]:
    """Return the seats of this installation's mode; from the first one Thor's jobs are decided."""
    return (STACK, BESIDE_STACK) if env().scheduler_mode == "legacy" else (SCHEDULER,)


def rivals(seat: Seat) -> list[str]:
    """Return who leads from another seat over lines that are decided from this one too."""
    others = [other for other in (SCHEDULER, STACK) if other.row != seat.row]
    rows = {row.id: row for row in Leader.objects.all()}
    overlapping = [other for other in others if other.row in rows and seat.parts & set(rows[other.row].parts.split())]
    found = [leader_status(other) for other in overlapping]
    return [status.holder for status in found if status.is_held]
