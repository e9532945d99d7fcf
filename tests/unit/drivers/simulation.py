"""The protocol in virtual time: real loops, electors and dispatchers over a database, a lease and a broker of paper.

What is real here is every decision of a scheduler: `Reign`, `Lead`, `Dispatcher`, `Agenda`, `BrokerMemory`, `Elector`,
`plan()`. What is paper are the promises that they lean on: the database's statements are all or nothing and refuse an
old term, a row is unique, a claim is taken once. Everything may fail between two of them.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock, patch
from uuid import UUID, uuid5

from django.db import OperationalError

from tests.unit.drivers.paper import Ledger, Paper, Queue, Wire
from thor.drivers.carrier import PublishFailed
from thor.drivers.envelope import Message
from thor.drivers.memory import BrokerMemory
from thor.drivers.reign import Reign
from thor.jobs.decision import Decision, Written
from thor.jobs.schedule import Changes, Row
from thor.leadership.elector import Elector
from thor.testing.lease import InMemoryLease
from thor.timing import Entry, Every, Latest, ManualClock, Skip

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
TTL = timedelta(seconds=1.5)
STEP = 0.25
NAMESPACE = UUID("0b0e1d1c-0000-4000-8000-000000000001")


class Killed(BaseException):
    """The process is gone, in the middle of what it did."""


class Node:
    """One scheduler: its loop, its elector, its faults."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name, self.wire = world, name, Wire(world.lease)
        elector = Elector(self.wire, TTL, identity=name, now=lambda: world.now)
        self.reign = Reign(elector=elector, carrier=self, clock=world.clock)  # type: ignore[arg-type]
        self.reign._wake = Mock()  # time passes in the world, not in here
        self.is_database_away = self.is_frozen = self.is_turning = False
        self.next_decision, self.is_connection_broken = "", False
        self.refuses, self.sends_some = False, False
        self.on_step: dict[str, Callable[[], None]] = {}

    @property
    def leads(self) -> bool:
        return self.reign.lead is not None and self.reign.elector.leads()

    def turn(self) -> None:
        """Renew and go round the loop once, unless the process is frozen; a killed one is gone from the world."""
        if self.is_frozen or self.is_turning:
            return
        self.is_turning = True
        self.reign.elector.renew()
        before, self.world.current = self.world.current, self
        try:
            self.reign.turn()
        except Killed:
            self.world.nodes.remove(self)
        finally:
            self.world.current, self.is_turning = before, False

    def ask_database(self) -> None:
        if self.is_connection_broken:
            self.is_connection_broken = False
            raise OperationalError("the server closed the connection unexpectedly")
        if self.is_database_away:
            raise OperationalError("the database is away")

    def decide(self, decision: Decision) -> list[Written]:
        """Be the decision's statement: refused or unanswered once, where a fault wants that."""
        self.ask_database()
        fate, self.next_decision = self.next_decision, ""
        if fate == "refused":
            raise OperationalError("the connection broke before the statement arrived")
        written = self.world.ledger.decide(decision)
        if fate == "unanswered":
            raise OperationalError("the connection broke before the answer arrived")
        return written

    def publish(self, messages: Sequence[Message], parcels: Any = None) -> None:
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

    def pack(self, messages: Sequence[Message]) -> dict[UUID, Any]:
        return {}

    def depth(self, queue: str) -> int | None:
        return None

    def can_claim(self, task: str) -> bool:
        return True

    def memory(self, installation: str) -> BrokerMemory:
        return BrokerMemory(installation)

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
        self.at_every_moment: Callable[[], None] = lambda: None
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
                node.turn()
                self.at_every_moment()

    def replace(self, row: Row) -> None:
        """Edit a line, as a person would."""
        self.lines[row.id] = row
        self.change += 1

    def crash_the_database(self) -> None:
        """Take from the database what it has not written to its disk yet, and from everybody the connection."""
        self.ledger.crash()
        for node in self.nodes:
            node.is_connection_broken = True

    def close(self) -> None:
        """Put the real database back."""
        self._stack.close()

    def _install(self) -> None:
        """Put paper in the place of the database and of Redis."""
        patches: dict[str, Any] = {
            "thor.drivers.dispatch.decide": lambda decision: self._node().decide(decision),
            "thor.drivers.dispatch.reach": self._reach,
            "thor.drivers.dispatch.outbox": _Asked(self),
            "thor.drivers.outgoing.reach": self._reach,
            "thor.drivers.outgoing.outbox": _Asked(self),
            "thor.drivers.outgoing.events": Mock(),
            "thor.drivers.outgoing.boottime": lambda: self.now,
            "thor.drivers.timer.boottime": lambda: self.now,
            "thor.drivers.standby.term": Mock(decided_until=lambda *_: self._asked(self.ledger.decided_until)),
            "thor.drivers.standby.PeriodicTasks": Mock(last_change=lambda: self._asked(self.change)),
            "thor.drivers.memory.broker_client": lambda: self.queue,
            "thor.drivers.lead.boottime": lambda: self.now,
            "thor.drivers.timetable.Schedule": lambda parts: _Seen(self),
            "thor.drivers.lead.PeriodicTasks": Mock(last_change=lambda: self._asked(self.change)),
            "thor.drivers.lead.Control": Mock(),
            "thor.drivers.lead.controls": Mock(begin_pauses=lambda until: self._asked(None)),
            "thor.drivers.bells.gate": Mock(next_edge_at=lambda at: self._asked(None)),
            "thor.drivers.bells.horizon": Mock(),
            "thor.drivers.bells.mirror.publish": lambda at: False,  # it tells others, and decides nothing
            "thor.drivers.bells.transitions": Mock(next_transition_at=lambda at: self._asked(None)),
            "thor.drivers.bells.chores": Mock(follow_markets=lambda at: self._asked(True)),
            "thor.drivers.lead.moved": Mock(make_good=lambda *_: self._asked(False)),
            "thor.drivers.lead.chores": Mock(sweep=lambda **_: self._asked(self.ledger.miss_overdue())),
            "thor.drivers.lead.events": Mock(),
            "thor.drivers.lead.term": Mock(installation=lambda: self._asked("paper")),
            "thor.drivers.reign.term": Mock(
                raise_term=lambda holder, **_: self._asked_for(self.ledger.raise_term),
                reread=lambda term, seat: self._asked_for(lambda: self.ledger.reread(term)),
            ),
            "thor.drivers.reign.events": Mock(),
            "thor.drivers.reign.logger": Mock(),
            "thor.drivers.reign.connection": Mock(),
        }
        for name, value in patches.items():
            self._stack.enter_context(patch(name, value))

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

    def owed(self, seq: int, parts: Any) -> list[Paper]:
        return self._world._asked_for(lambda: self._world.ledger.owed(seq))

    def spoken_until(self, entry: UUID, after: datetime, until: datetime) -> datetime:
        rows = [row for row in self._world.ledger.rows.values() if row.entry == entry]
        return self._world._asked(
            max((row.last_at or row.nominal_at for row in rows if after < row.nominal_at <= until), default=after)
        )

    def waiting(self, parts: Any) -> dict[str, int]:
        return self._world._asked({})

    def unclaimed(self, parts: Any) -> list[Paper]:
        return self._world._asked([])

    def hand_over(self, uids: Iterable[UUID]) -> None:
        raise AssertionError("every task here can claim")

    def skip(self, uids: Iterable[UUID], reason: str) -> None:
        raise AssertionError("no line is ever removed here")


class _Seen:
    """The schedule as one reign sees it: what changed since its last look."""

    def __init__(self, world: World) -> None:
        self._world, self._known = world, dict[UUID, Row]()

    def look_at_edits(self, at: datetime) -> Changes:
        return self.look(at)

    def forget(self, pks: list[int]) -> list[UUID]:
        return []  # no line here ends by itself

    def look(self, at: datetime, *, writes: bool = True, progress: Callable[[], None] = lambda: None) -> Changes:
        lines = self._world._asked(self._world.lines)
        changed = [row for key, row in lines.items() if self._known.get(key) is not row]
        self._known = dict(lines)
        return Changes(changed, [])


def edited(row: Row, at: datetime, *, paused: bool = False, pauses: tuple[datetime, datetime] | None = None) -> Row:
    """Return a line as an edit at `at` leaves it: paused, or resumed after a pause between two times."""
    timed = replace(row.timed, since=at, paused=paused)
    return replace(row, timed=timed, version=f"{at} {paused}", pauses=pauses)


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
        task="work", args=[], kwargs={}, options={"queue": "default"}, headers={}, one_off=False, version="", spec=None,
    )  # fmt: skip
