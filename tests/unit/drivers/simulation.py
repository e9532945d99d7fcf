"""The protocol in virtual time: real loops, electors and dispatchers over a database, a lease and a broker of paper.

What is real here is every decision of a scheduler: `Reign`, `Lead`, `Dispatcher`, `Agenda`, `BrokerMemory`, `Elector`,
`plan()`. What is paper are the promises that they lean on: the database's statements are all or nothing and refuse an
old term, a row is unique, a claim is taken once. Everything may fail between two of them.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock, patch
from uuid import UUID, uuid5

import redis
from django.db import OperationalError

from thor.drivers import lead as lead_module
from thor.drivers import reign as reign_module
from thor.drivers.publish import Message, PublishFailed
from thor.drivers.reign import Reign
from thor.jobs.decision import Decision, Deposed, Planned, Written
from thor.jobs.models import State
from thor.jobs.schedule import Changes, Row
from thor.leadership.elector import Elector
from thor.leadership.lease import Holding, LeaseUnreachable
from thor.leadership.term import Reign as Begun
from thor.testing.lease import InMemoryLease
from thor.timing import Entry, Every, Latest, ManualClock, Skip

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
TTL = timedelta(seconds=1.5)
STEP = 0.25
NAMESPACE = UUID("0b0e1d1c-0000-4000-8000-000000000001")


class Killed(BaseException):
    """The process is gone, in the middle of what it did."""


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

    def raise_term(self) -> Begun:
        self.term += 1
        return Begun(self.term, self.decided_until, self.published_seq)

    def reread(self, term: int) -> Begun | None:
        return Begun(term, self.decided_until, self.published_seq) if term == self.term else None

    def decide(self, decision: Decision) -> list[Written]:
        if decision.term != self.term:
            raise Deposed
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
        row = self.rows[uid]
        if self.is_claimable(row):
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

    def set(self, key: str, value: int, **options: Any) -> Any:
        self._ask()
        old, self.keys[key] = self.keys.get(key), value
        return (None if old is None else str(old).encode()) if options.get("get") else True

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


class Node:
    """One scheduler: its loop, its elector, its faults."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name, self.wire = world, name, Wire(world.lease)
        elector = Elector(self.wire, TTL, identity=name, now=lambda: world.now)
        self.reign = Reign(elector=elector, publisher=self, clock=world.clock)  # type: ignore[arg-type]
        self.reign._wake = Mock()  # time passes in the world, not in here
        self.is_database_away = self.loses_commit = self.is_frozen = False
        self.refuses, self.sends_some = False, False
        self.on_step: dict[str, Callable[[], None]] = {}

    @property
    def leads(self) -> bool:
        return self.reign.lead is not None and self.reign.elector.leads()

    def turn(self) -> None:
        """Renew and go round the loop once, unless the process is frozen; a killed one is gone from the world."""
        if self.is_frozen:
            return
        self.reign.elector.renew()
        before, self.world.current = self.world.current, self
        try:
            self.reign.turn()
        except Killed:
            self.world.nodes.remove(self)
        finally:
            self.world.current = before

    def ask_database(self) -> None:
        if self.is_database_away:
            raise OperationalError("the database is away")

    def decide(self, decision: Decision) -> list[Written]:
        self.ask_database()
        written = self.world.ledger.decide(decision)
        if self.loses_commit:
            self.loses_commit = False
            raise OperationalError("the answer to the commit was lost")
        return written

    def publish(self, messages: Sequence[Message]) -> None:
        """Be the publisher: send all, none, or some without knowing which."""
        if not messages:
            return
        uids = [message.uid for message in messages]
        if self.refuses or not self.world.queue.is_up:
            raise PublishFailed
        sent = uids[: len(uids) // 2] if self.sends_some else uids
        self.world.queue.waiting.extend(sent)
        if self.sends_some:
            self.sends_some = False
            raise PublishFailed

    def can_claim(self, task: str) -> bool:
        return True

    def close(self) -> None:
        """Have no connection to close."""


class World:
    """All of it, on one clock. `entries` are never edited but for `pausable`."""

    def __init__(self) -> None:
        self.now, self.clock = 1000.0, ManualClock(START)
        self.lease = InMemoryLease(lambda: self.now)
        self.ledger, self.queue = Ledger(self.clock), Queue()
        self.lines = {row.id: row for row in _lines()}
        self.pausable = _line("pausable", 1)
        self.lines[self.pausable.id] = self.pausable
        self.change = 0
        self.nodes: list[Node] = []
        self.current: Node | None = None
        self._stack = ExitStack()
        self._install()

    def start(self, name: str) -> Node:
        """Start a scheduler."""
        node = Node(self, name)
        self.nodes.append(node)
        return node

    def pass_time(self, seconds: float) -> None:
        """Let time pass; every loop goes round at each step of it."""
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            self.clock.advance(timedelta(seconds=STEP))
            for node in list(self.nodes):
                if node is not self.current:
                    node.turn()

    def replace(self, row: Row) -> None:
        """Edit a line, as a person would."""
        self.lines[row.id] = row
        self.change += 1

    def close(self) -> None:
        """Put the real database back."""
        self._stack.close()

    def _install(self) -> None:
        """Put paper in the place of the database and of Redis."""
        patches: dict[str, Any] = {
            "thor.drivers.dispatch.decide": lambda decision: self._node().decide(decision),
            "thor.drivers.dispatch.reach": self._reach,
            "thor.drivers.dispatch.ledger": _Asked(self),
            "thor.drivers.dispatch.events": Mock(),
            "thor.drivers.memory.broker_client": lambda: self.queue,
            "thor.drivers.lead.boottime": lambda: self.now,
            "thor.drivers.lead.Schedule": lambda: _Seen(self),
            "thor.drivers.lead.PeriodicTasks": Mock(last_change=lambda: self._asked(self.change)),
            "thor.drivers.lead.Control": Mock(),
            "thor.drivers.lead.gate": Mock(next_edge_at=lambda at: self._asked(None)),
            "thor.drivers.lead.transitions": Mock(next_transition_at=lambda at: self._asked(None)),
            "thor.drivers.lead.chores": Mock(sweep=lambda **_: self._asked(self.ledger.miss_overdue())),
            "thor.drivers.lead.events": Mock(),
            "thor.drivers.lead.term": Mock(installation=lambda: self._asked("paper")),
            "thor.drivers.reign.term": Mock(
                raise_term=lambda holder, at: self._asked_for(self.ledger.raise_term),
                reread=lambda term: self._asked_for(lambda: self.ledger.reread(term)),
            ),
            "thor.drivers.reign.events": Mock(),
            "thor.drivers.reign.logger": Mock(),
            "thor.drivers.reign.connection": Mock(),
        }
        for name, value in patches.items():
            self._stack.enter_context(patch(name, value))
        assert lead_module.Dispatcher is not None
        assert reign_module.Lead is not None

    def _node(self) -> Node:
        assert self.current is not None
        return self.current

    def _asked(self, answer: Any) -> Any:
        self._node().ask_database()
        return answer

    def _asked_for(self, question: Callable[[], Any]) -> Any:
        self._node().ask_database()
        return question()

    def _reach(self, step: str) -> None:
        happens = self._node().on_step.pop(step, None)
        if happens is not None:
            happens()


class _Asked:
    """The ledger as one scheduler asks it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def newest_seq(self) -> int:
        return self._world._asked(len(self._world.ledger.rows))

    def owed(self, seq: int) -> list[Paper]:
        return self._world._asked_for(lambda: self._world.ledger.owed(seq))

    def requested(self, most: int) -> list[Paper]:
        return self._world._asked([])

    def hand_over(self, uids: Iterable[UUID]) -> None:
        raise AssertionError("every task here can claim")

    def skip(self, uid: UUID, reason: str) -> None:
        raise AssertionError("no line is ever removed here")


class _Seen:
    """The schedule as one reign sees it: what changed since its last look."""

    def __init__(self, world: World) -> None:
        self._world, self._known = world, dict[UUID, Row]()

    def look(self, at: datetime, *, progress: Callable[[], None]) -> Changes:
        lines = self._world._asked(self._world.lines)
        changed = [row for key, row in lines.items() if self._known.get(key) is not row]
        self._known = dict(lines)
        return Changes(changed, [])


def _lines() -> list[Row]:
    """Return lines of several periods, so that what is due at one time is not what is due at the next."""
    return [
        *(_line(f"fast-{number}", 1) for number in range(3)),
        *(_line(f"slow-{number}", 3 + number) for number in range(3)),
        *(_line(f"patient-{number}", 5, Latest(within=timedelta(minutes=2))) for number in range(2)),
    ]


def _line(name: str, period: int, catch_up: Any = Skip()) -> Row:  # noqa: B008  (frozen)
    key = uuid5(NAMESPACE, name)
    return Row(
        pk=key.int % 10**6, name=name,
        timed=Entry(id=key, cadence=Every(seconds=period), since=START, catch_up=catch_up),
        task="work", args=[], kwargs={}, options={}, headers={}, one_off=False, version="", spec=None,
    )  # fmt: skip
