"""Whatever fails, in whatever order: one start a run, terms that rise, and every slot in exactly one row."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.drivers.paper import Paper
from tests.unit.drivers.simulation import START, Killed, Node, World, edited
from thor.jobs.models import State
from thor.jobs.schedule import Row

NODES = st.integers(0, 2)
STEPS = st.sampled_from(["planned", "decided", "published"])


class Protocol(RuleBasedStateMachine):
    """Up to three schedulers, one database, one broker, one worker, and every fault of the failure tables."""

    def __init__(self) -> None:
        super().__init__()
        self.world, self.started = World(), 0
        self.seen_term = 0
        self.world.at_every_moment = self.one_leads_at_most
        for _ in range(2):
            self.start()

    def teardown(self) -> None:
        """Mend everything: what is owed is run, what was not run has ended, and one leads again."""
        try:
            self.heal()
            self.all_owed_is_in_the_queue()
            self.work_everything_off()
            self.world.pass_time(10)
            assert sum(node.leads for node in self.world.nodes) == 1
            now = self.world.clock.now()
            assert [row.name for row in self.rows() if row.state == State.DUE and row.deadline_at < now - _SLACK] == []
        finally:
            self.world.close()

    def rows(self) -> list[Paper]:
        return list(self.world.ledger.rows.values())

    def node(self, number: int) -> Node:
        """Return the leader as 0, since most faults are wasted on others; else one of the nodes."""
        leader = next((node for node in self.world.nodes if node.leads), None)
        if number == 0 and leader is not None:
            return leader
        return self.world.nodes[number % len(self.world.nodes)]

    @rule(seconds=st.sampled_from([0.25, 1.0, 2.0, 7.0]))
    def wait(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: len(self.world.nodes) < 3)
    @rule()
    def start(self) -> None:
        self.started += 1
        self.world.start(f"node-{self.started}")

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, step=STEPS)
    def kill_at_a_step(self, number: int, step: str) -> None:
        def die() -> None:
            raise Killed

        self.node(number).on_step[step] = die
        self.world.pass_time(1)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, step=STEPS, seconds=st.sampled_from([0.5, 2.0, 8.0]))
    def freeze_at_a_step(self, number: int, step: str, seconds: float) -> None:
        self.node(number).on_step[step] = lambda: self.world.pass_time(seconds)
        self.world.pass_time(1)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, frozen=st.booleans())
    def freeze(self, number: int, frozen: bool) -> None:
        self.node(number).is_frozen = frozen
        self.world.pass_time(1)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES)
    def stop(self, number: int) -> None:
        node = self.node(number)
        if not node.is_frozen:
            node.reign.leave()
            self.world.nodes.remove(node)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, away=st.booleans())
    def lose_the_database(self, number: int, away: bool) -> None:
        self.node(number).is_database_away = away
        self.world.pass_time(1)

    @rule(moment=st.sampled_from(["", "decided", "published"]))
    def crash_the_database(self, moment: str) -> None:
        """Let the database forget what was decided just now, between two turns or in the middle of one."""
        if moment and self.world.nodes:
            self.node(0).on_step[moment] = self.world.crash_the_database
        else:
            self.world.crash_the_database()
        self.world.pass_time(1)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, fate=st.sampled_from(["refused", "unanswered"]))
    def break_off_a_decision(self, number: int, fate: str) -> None:
        self.node(number).next_decision = fate
        self.world.pass_time(1)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, cut=st.booleans(), answers=st.booleans())
    def lose_the_lease(self, number: int, cut: bool, answers: bool) -> None:
        self.node(number).wire.is_cut, self.node(number).wire.loses_answers = cut, answers
        self.world.pass_time(2)

    @precondition(lambda self: self.world.nodes)
    @rule(number=NODES, refuses=st.booleans(), some=st.booleans())
    def refuse_messages(self, number: int, refuses: bool, some: bool) -> None:
        self.node(number).refuses, self.node(number).sends_some = refuses, some
        self.world.pass_time(1)

    @rule(is_up=st.booleans())
    def empty_the_broker(self, is_up: bool) -> None:
        self.world.queue.forget()
        self.world.queue.is_up = is_up
        self.world.pass_time(1)

    @rule(number=st.integers(1, 30), twice=st.booleans())
    def work(self, number: int, twice: bool) -> None:
        """Deliver messages; one may come a second time."""
        for uid in self.world.queue.waiting[:number]:
            self.world.ledger.claim(uid)
        if not twice:
            del self.world.queue.waiting[:number]

    @rule()
    def pause_and_resume(self) -> None:
        """Pause a line for a few seconds, then resume it: its slots become one row, and no other line notices."""
        row, begin = self.world.pausable, self.world.clock.now()
        self.world.replace(edited(row, begin, paused=True))
        self.world.pass_time(3)
        self.world.replace(edited(row, self.world.clock.now(), pauses=(begin, self.world.clock.now())))

    @rule()
    def heal(self) -> None:
        """Mend everything and wait for longer than anybody holds back."""
        self.world.queue.is_up = True
        if not self.world.nodes:
            self.start()
        for node in self.world.nodes:
            node.is_frozen = node.is_database_away = node.refuses = node.sends_some = False
            node.next_decision = ""
            node.wire.is_cut = node.wire.loses_answers = False
            node.on_step.clear()
        self.world.pass_time(10)

    @rule()
    def all_owed_is_in_the_queue(self) -> None:
        """Where all is well, everything that may still run waits in the broker."""
        self.heal()
        waiting = set(self.world.queue.waiting)
        owed = [row for row in self.rows() if self.world.ledger.is_claimable(row)]
        assert [f"{row.name} {row.nominal_at}" for row in owed if row.uid not in waiting] == []

    def work_everything_off(self) -> None:
        self.work(len(self.world.queue.waiting), False)

    @invariant()
    def each_run_starts_once(self) -> None:
        assert all(row.starts <= 1 for row in self.rows())

    @invariant()
    def terms_rise(self) -> None:
        terms = [row.term for row in self.rows()]
        assert terms == sorted(terms)
        assert self.world.ledger.term >= self.seen_term
        self.seen_term = self.world.ledger.term

    def one_leads_at_most(self) -> None:
        """Look at every moment, frozen ones included: trust ends by itself, before anybody else can gain the lease."""
        assert sum(node.leads for node in self.world.nodes) <= 1

    @invariant()
    def every_slot_is_in_one_row(self) -> None:
        until = self.world.ledger.decided_until
        if until is None:
            return
        spoken: dict[tuple[str, datetime], int] = {}
        for row in self.rows():
            for slot in _slots(row, self.world):
                spoken[row.name, slot] = spoken.get((row.name, slot), 0) + 1
        first = min((row.nominal_at for row in self.rows() if row.entry != self.world.pausable.id), default=until)
        for line in self.world.lines.values():
            if line.id != self.world.pausable.id:
                missing = [slot for slot in _owed(line, first, until) if (line.name, slot) not in spoken]
                assert missing == [], line.name
        assert [key for key, number in spoken.items() if number > 1] == []


_SLACK = timedelta(seconds=3)


def _owed(line: Row, first: datetime, until: datetime) -> list[datetime]:
    """Return the slots of a line from the first decision to the last."""
    period = line.timed.cadence.period
    assert period is not None
    number = (first - START) // period
    slots = (START + (number + n) * period for n in range(1, (until - first) // period + 2))
    return [slot for slot in slots if first < slot <= until]


def _slots(row: Paper, world: World) -> list[datetime]:
    period = world.lines[row.entry].timed.cadence.period
    assert period is not None
    return [row.nominal_at + number * period for number in range(row.count)]


TestProtocol = pytest.mark.timeout(900)(Protocol.TestCase)  # a failure takes its time to become a short one
TestProtocol.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
