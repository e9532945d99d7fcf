"""Questions about leadership, for pages and commands."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from thor.connections import redis_client
from thor.env import env
from thor.leadership.lease import LeaseUnreachable, RedisLease
from thor.leadership.models import Leader


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


def lease_key(row: Leader) -> str:
    """Return the key of the lease of this installation."""
    return f"thor:leader:{row.installation}"


def released_channel(row: Leader) -> str:
    """Return the channel on which a holder says that it released the lease."""
    return f"{lease_key(row)}:released"


def step_down_key(row: Leader) -> str:
    """Return the key that asks one holder, by name, to make way."""
    return f"thor:step_down:{row.installation}"


def leader_status() -> LeaderStatus:
    """Return who leads, from the row in the database and the lease in Redis."""
    row = Leader.objects.filter(id=1).first() or Leader(id=1)
    holding, problem = None, ""
    try:
        holding = RedisLease(redis_client(), lease_key(row)).holding()
    except LeaseUnreachable as error:
        problem = str(error)
    age = env().lease_time - holding.remaining if holding else None
    holder = holding.holder if holding else row.holder
    held = holding is not None
    return LeaderStatus(holder, row.term, row.since, row.decided_until, held, age, problem, row.next_due_at)
