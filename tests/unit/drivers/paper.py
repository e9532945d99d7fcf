"""The database, the broker and the wire to the lease, on paper: their promises and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import redis

from thor.jobs.decision import Decision, Deposed, Planned, Written
from thor.jobs.models import State
from thor.leadership.lease import Holding, LeaseUnreachable
from thor.leadership.term import Reign as Begun
from thor.testing.lease import InMemoryLease
from thor.timing import ManualClock


@dataclass
class Paper:
    """A row of the ledger on paper."""

    planned: Planned
    seq: int
    term: int
    state: str
    reason: str
    starts: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.planned, name)


@dataclass
class Ledger:
    """The database: the term, and the rows in the order in which they were decided."""

    clock: ManualClock
    term: int = 0
    decided_until: datetime | None = None
    published_seq: int = 0
    rows: dict[UUID, Paper] = field(default_factory=dict)
    unsynced: list[tuple[datetime, datetime | None, int, list[UUID]]] = field(default_factory=list)

    def crash(self) -> None:
        """Take back the decisions of the last second: no commit that waits for the disk came after them."""
        while self.unsynced and self.unsynced[-1][0] >= self.clock.now() - timedelta(seconds=1):
            _, self.decided_until, self.published_seq, uids = self.unsynced.pop()
            for uid in uids:
                del self.rows[uid]

    def raise_term(self) -> Begun:
        self.unsynced.clear()
        self.term += 1
        return Begun(self.term, self.decided_until, self.published_seq)

    def reread(self, term: int) -> Begun | None:
        return Begun(term, self.decided_until, self.published_seq) if term == self.term else None

    def decide(self, decision: Decision) -> list[Written]:
        if decision.term != self.term:
            raise Deposed
        new = [row.uid for row in decision.planned if row.uid not in self.rows]
        self.unsynced.append((self.clock.now(), self.decided_until, self.published_seq, new))
        if decision.until is not None:
            self.decided_until = max(self.decided_until or decision.until, decision.until)
        self.published_seq = max(self.published_seq, decision.published_seq)
        return [self._write(row, decision.term) for row in decision.planned if row.uid not in self.rows]

    def _write(self, row: Planned, term: int) -> Written:
        paper = Paper(row, len(self.rows) + 1, term, row.state, row.reason)
        self.rows[row.uid] = paper
        return Written(row.uid, paper.seq, paper.state)

    def owed(self, seq: int) -> list[Paper]:
        return [row for row in self.rows.values() if row.seq > seq and self.is_claimable(row)]

    def is_claimable(self, row: Paper) -> bool:
        return row.state == State.DUE and row.deadline_at > self.clock.now()

    def claim(self, uid: UUID) -> None:
        row = self.rows.get(uid)
        if row is not None and self.is_claimable(row):
            self.unsynced.clear()
            row.state, row.starts = State.SUCCEEDED, row.starts + 1

    def miss_overdue(self) -> None:
        for row in self.rows.values():
            if row.state == State.DUE and row.deadline_at < self.clock.now() - timedelta(seconds=1):
                row.state, row.reason = State.MISSED, "deadline"


@dataclass
class Queue:
    """The broker: what waits in it, and the leader's mark; both are gone when it is."""

    waiting: list[UUID] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    is_up: bool = True

    def forget(self) -> None:
        self.waiting.clear()
        self.keys.clear()

    def eval(self, script: str, number: int, key: str, seq: int, known: int) -> int:
        """Move the mark, as the script of `BrokerMemory` does."""
        self._ask()
        mark = self.keys.get(key, 0)
        if mark >= known:
            self.keys[key] = seq
        return mark

    def get(self, key: str) -> bytes | None:
        self._ask()
        found = self.keys.get(key)
        return None if found is None else str(found).encode()

    def _ask(self) -> None:
        if not self.is_up:
            raise redis.exceptions.ConnectionError("the broker is away")


class Wire:
    """One scheduler's way to the lease: what is asked, or what is answered, may be lost."""

    def __init__(self, lease: InMemoryLease) -> None:
        self._lease, self.is_cut, self.loses_answers = lease, False, False

    def acquire(self, holder: str, ttl: timedelta) -> bool:
        return self._ask(lambda: self._lease.acquire(holder, ttl))

    def renew(self, holder: str, ttl: timedelta) -> bool:
        return self._ask(lambda: self._lease.renew(holder, ttl))

    def release(self, holder: str) -> bool:
        return self._ask(lambda: self._lease.release(holder))

    def holding(self) -> Holding | None:
        return self._lease.holding()

    def _ask(self, question: Callable[[], bool]) -> bool:
        if self.is_cut:
            raise LeaseUnreachable
        answer = question()
        if self.loses_answers:
            raise LeaseUnreachable
        return answer
