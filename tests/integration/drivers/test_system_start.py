"""What runs at a start of the system: once a line, whoever dies, races or comes back; real rows, a real ledger."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from tests.integration.drivers.conftest import START, CollectingPublisher
from tests.integration.drivers.workplace import Workplace, workplace
from thor.drivers.contender import Contender
from thor.drivers.lead import Lead
from thor.drivers.reign import Reign
from thor.drivers.system_start import ORIGIN, start_system
from thor.jobs import controls, events, requests, sync
from thor.jobs.decision import Deposed
from thor.jobs.inline import Inline
from thor.jobs.models import Entry, Run, State
from thor.leadership import term
from thor.leadership.elector import Elector
from thor.leadership.models import Leader
from thor.leadership.seat import BESIDE_STACK, HEARTBEAT, SCHEDULER, STACK, Seat
from thor.leadership.selectors import system_started_at
from thor.testing.lease import InMemoryLease
from thor.timing import During, Every, ManualClock, ReplayClock, SteppedClock

__all__ = ["workplace"]

FIVE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


class System:
    """Two jobs that run at a start of the system and one that does not; leaders that follow one another."""

    def __init__(self, workplace: Workplace) -> None:
        self.workplace, self.clock = workplace, workplace.clock
        self.broker = CollectingPublisher()
        hourly = {"cadence": Every(hours=1), "also_at": {"system_start"}}
        self.names = [workplace.declare("reconciliation", **hourly), workplace.declare("health_check", **hourly)]
        workplace.declare("poll", cadence=Every(hours=1))
        self.clock.set(START + timedelta(minutes=7, microseconds=123))
        sync.sync_jobs(at=self.clock.now())

    def raise_term(self, seat: Seat = SCHEDULER, **options: Any) -> term.Reign:
        return term.raise_term("tester", at=self.clock.wall(), now=self.clock.now(), seat=seat, **options)

    def lead(self, reign: term.Reign) -> Lead:
        made = Lead(reign, carrier=self.broker, clock=self.clock)
        made.turn()
        return made

    def begin(self, seat: Seat = SCHEDULER, **options: Any) -> Lead:
        return self.lead(self.raise_term(seat, **options))

    def live(self, lead: Lead, minutes: float) -> None:
        """Let a leader turn every five seconds, as often as it decides at least."""
        for _ in range(int(minutes * 12)):
            self.clock.advance(timedelta(seconds=5))
            lead._dispatcher.turn(self.clock.now())
            lead._dispatcher.advance(self.clock.now())

    def starts(self) -> list[tuple[str, datetime]]:
        runs = Run.objects.filter(origin=ORIGIN).order_by("nominal_at", "name")
        return list(runs.values_list("name", "nominal_at"))

    def expected(self, *instants: datetime) -> list[tuple[str, datetime]]:
        return [(name, at) for at in instants for name in sorted(self.names)]


@pytest.fixture
def system(workplace: Workplace) -> System:
    return System(workplace)


def test_the_first_start_ever_runs_each_line_once_and_at_once(system: System) -> None:
    at = system.clock.now()

    system.begin()

    assert system.starts() == system.expected(at)
    assert system_started_at() == at
    assert sorted(message.row.name for message in system.broker.sent) == sorted(system.names)
    assert {message.occurrence.origin for message in system.broker.sent} == {ORIGIN}
    run = Run.objects.filter(origin=ORIGIN).first()
    assert run is not None
    assert (run.state, run.exclusive, run.deadline_at) == (State.DUE, True, at + requests.PATIENCE)


def test_nobody_has_started_before_anybody_leads(system: System) -> None:
    assert system_started_at() is None


def test_a_restart_within_five_minutes_is_no_start(system: System) -> None:
    at = system.clock.now()
    system.live(system.begin(), 20)

    system.clock.advance(FIVE - SECOND)
    system.begin()

    assert system.starts() == system.expected(at)
    assert system_started_at() == at


def test_after_five_minutes_without_a_leader_it_starts_again(system: System) -> None:
    first = system.clock.now()
    system.live(system.begin(), 1)

    system.clock.advance(FIVE)
    second = system.clock.now()
    system.begin()

    assert system.starts() == system.expected(first, second)
    assert system_started_at() == second


def test_a_leader_that_died_before_the_runs_leaves_them_to_the_next(system: System) -> None:
    at = system.clock.now()
    system.raise_term()
    assert system.starts() == []

    system.clock.advance(2 * SECOND)
    system.begin()

    assert system.starts() == system.expected(at)


def test_a_leader_that_died_in_the_middle_of_the_runs_leaves_the_others_to_the_next(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(Exception):
        pass

    def die_after_one(planned: list[Any], wall: datetime) -> int:
        insert(planned[:1], wall)
        raise Died

    at, insert = system.clock.now(), requests.insert
    monkeypatch.setattr(requests, "insert", die_after_one)
    with pytest.raises(Died):
        system.begin()
    assert len(system.starts()) == 1
    monkeypatch.undo()
    monkeypatch.setattr(sync, "owned", lambda: system.workplace.jobs)

    system.clock.advance(2 * SECOND)
    system.begin()
    system.begin()

    assert system.starts() == system.expected(at)


def test_what_was_written_is_not_written_again_when_the_ledger_is_purged(system: System) -> None:
    system.live(system.begin(), 1)
    Run.objects.all().delete()

    system.begin()

    assert system.starts() == []


def test_a_line_that_comes_later_has_missed_the_start(system: System) -> None:
    at = system.clock.now()
    system.live(system.begin(), 1)
    system.workplace.declare("late", cadence=Every(hours=1), also_at={"system_start"})
    sync.sync_jobs(at=system.clock.now())

    system.begin()

    assert system.starts() == system.expected(at)


def test_of_two_that_race_the_second_finds_a_leader(system: System) -> None:
    at, reigns, errors = system.clock.now(), list[term.Reign](), list[Exception]()
    gate = threading.Barrier(2)

    def race() -> None:
        try:
            gate.wait()
            reigns.append(system.raise_term())
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for reign in sorted(reigns, key=lambda reign: -reign.term):
        try:
            system.lead(reign)
        except Deposed as error:
            errors.append(error)

    assert [reign.owed_start for reign in reigns] == [at, at]  # the second owes what the first has not written yet
    assert [type(error) for error in errors] == [Deposed]
    assert system.starts() == system.expected(at)


def test_a_deposed_leader_writes_no_run(system: System) -> None:
    old = system.raise_term()
    system.raise_term(starts_system=True)

    with pytest.raises(Deposed):
        start_system(old, [], system.clock)

    assert Leader.objects.get().is_start_owed


def test_whoever_is_told_to_starts_the_system_whoever_led_before(system: System) -> None:
    first = system.clock.now()
    system.live(system.begin(), 1)
    second = system.clock.now()

    system.begin(HEARTBEAT, starts_system=True)

    assert system.starts() == system.expected(first, second)


def test_each_loop_of_run_heartbeat_starts_the_system_once(system: System) -> None:
    steady = [1000.0]
    lease = InMemoryLease(lambda: steady[0])

    def heartbeat(name: str) -> Reign:
        elector = Elector(lease, 1.5 * SECOND, identity=name, now=lambda: steady[0])
        return Reign(
            elector=elector, carrier=system.broker, clock=system.clock, seat=HEARTBEAT, starts_system=True
        )  # fmt: skip

    def pass_time(seconds: float) -> datetime:
        steady[0] += seconds
        system.clock.advance(timedelta(seconds=seconds))
        return system.clock.now()

    first = system.clock.now()
    one = heartbeat("one")
    one.act()
    pass_time(10)  # its lease expires, and it has it again
    one.act()
    one.act()
    assert Leader.objects.get().term == 2
    assert system.starts() == system.expected(first)

    one.leave()
    second = pass_time(10)
    heartbeat("two").act()

    assert system.starts() == system.expected(first, second)


def test_the_command_run_heartbeat_tells_its_loop_so(
    system: System, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thor.drivers import heartbeat
    from thor.jobs.protocol import JobRegistry

    told: list[bool] = []

    class Noting(Contender):
        def __init__(self, *args: Any, **options: Any) -> None:
            told.append(options["starts_system"])
            super().__init__(*args, **options)

    monkeypatch.setattr(heartbeat, "Contender", Noting)
    made = heartbeat.Heartbeat(JobRegistry(), tempo=lambda at: SECOND, fast=SECOND, slow=SECOND)

    assert told == [True]
    assert made.contender.reign._starts_system


def test_a_reign_over_other_lines_starts_nothing_and_leads_no_jobs(system: System) -> None:
    system.live(system.begin(BESIDE_STACK), 10)
    assert (system.starts(), system_started_at()) == ([], None)
    at = system.clock.now()

    system.begin(STACK)

    assert system.starts() == system.expected(at)


def test_a_change_of_mode_is_no_start(system: System) -> None:
    at = system.clock.now()
    system.live(system.begin(SCHEDULER), 1)
    system.live(system.begin(STACK), 10)
    system.live(system.begin(BESIDE_STACK), 10)
    system.clock.advance(-FIVE)  # the stack led until ten minutes ago, and beat meanwhile other lines
    Leader.objects.filter(id=STACK.row).update(jobs_led_at=system.clock.now())

    system.begin(SCHEDULER)

    assert system.starts() == system.expected(at)


def test_what_a_seat_owes_another_one_writes(system: System) -> None:
    at = system.clock.now()
    system.raise_term(STACK)

    system.begin(SCHEDULER)

    assert system.starts() == system.expected(at)
    assert not Leader.objects.filter(is_start_owed=True).exists()


def test_a_ledger_that_was_restored_starts_by_its_age(system: System) -> None:
    first = system.clock.now()
    system.live(system.begin(), 1)
    snapshot = Leader.objects.values("jobs_led_at", "decided_until").get()
    system.live(system.begin(), 60)

    Leader.objects.update(**snapshot)
    second = system.clock.now()
    system.begin()

    assert system.starts() == system.expected(first, second)


def test_a_reign_that_begins_again_after_the_database_failed_does_not_start(system: System) -> None:
    reign = system.raise_term()
    system.lead(reign)

    again = term.reread(reign.term)

    assert again is not None
    assert (reign.owed_start, again.owed_start) == (system.clock.now(), None)


@pytest.mark.parametrize(("overlap", "state"), [("skip", State.SKIPPED), ("queue_one", State.SKIPPED)])
def test_a_slot_of_the_same_instant_does_not_run_beside_it(workplace: Workplace, overlap: str, state: State) -> None:
    workplace.declare("reconciliation", cadence=Every(hours=1), also_at={"system_start"}, overlap=overlap)

    workplace.begin()  # at three o'clock, when a slot is due as well

    runs = Run.objects.filter(task=workplace.name("reconciliation")).order_by("origin")
    assert [(run.origin, run.state) for run in runs] == [("", state), (ORIGIN, State.DUE)]
    assert {run.nominal_at for run in runs} == {START}


def test_a_start_waits_for_a_run_that_is_under_way(workplace: Workplace) -> None:
    meanwhile: list[Run] = []

    def restart() -> None:
        if len(workplace.calls) > 1:
            return
        reign = term.raise_term("another", at=workplace.clock.wall(), seat=HEARTBEAT, starts_system=True)
        Lead(reign, carrier=workplace.bench, clock=workplace.clock).turn()
        Inline("another").carry_out(workplace.errand("reconciliation"))
        meanwhile.append(Run.objects.get(origin=ORIGIN))

    workplace.declare("reconciliation", restart, cadence=Every(hours=1), also_at={"system_start"})
    workplace.begin()
    workplace.errands("reconciliation")
    Run.objects.all().delete()
    workplace.clock.advance(timedelta(hours=1))
    workplace.lead.turn()
    workplace.hands.carry_out(workplace.errand("reconciliation"))

    assert [(run.state, run.attempt) for run in meanwhile] == [(State.DUE, 0)]
    workplace.begin()._look_around()
    workplace.hands.carry_out(workplace.errand("reconciliation"))
    assert [occurrence.origin for _, occurrence in workplace.calls] == ["", ORIGIN]
    assert Run.objects.get(origin=ORIGIN).state == State.SUCCEEDED


def test_a_line_that_is_paused_says_so_in_its_row(system: System) -> None:
    entry = Entry.objects.get(job=system.names[0])
    controls.pause_entry(entry, by="boss", reason="holidays", at=system.clock.now() - SECOND)

    system.lead(term.raise_term("tester", at=system.clock.wall(), seat=HEARTBEAT))

    assert system.starts() == system.expected(system.clock.now())


@pytest.mark.parametrize(("hours", "runs"), [(0, 1), (12, 0)], ids=["open", "closed"])
def test_a_line_with_a_window_runs_where_it_starts_inside(workplace: Workplace, hours: int, runs: int) -> None:
    window = {"markets": ("usa",), "window": During("open")}
    workplace.declare("watch", cadence=Every(hours=24), also_at={"system_start"}, **window)
    workplace.clock.set(START + timedelta(hours=hours, seconds=1))

    workplace.begin()

    assert Run.objects.filter(origin=ORIGIN).count() == runs


def test_in_a_replay_the_wall_says_how_long_nobody_led(workplace: Workplace) -> None:
    wall = ManualClock(START)
    virtual = datetime.fromisoformat("2013-10-07T13:30:00+00:00")
    clock = ReplayClock(virtual, START, 3600.0, timedelta(seconds=0.5), wall)

    def begin() -> datetime | None:
        return term.raise_term("tester", at=clock.wall(), now=clock.now()).owed_start

    first = begin()
    term.note_start(clock.now())
    wall.advance(timedelta(minutes=4))  # ten days of business time
    second = begin()
    wall.advance(FIVE)
    third = begin()

    assert (first, second, third) == (virtual, None, clock.now())


def test_in_virtual_time_a_start_has_the_instant_of_its_clock(workplace: Workplace) -> None:
    name = workplace.declare("reconciliation", cadence=Every(hours=1), also_at={"system_start"})
    virtual = datetime.fromisoformat("2013-10-07T13:30:10+00:00")
    clock = SteppedClock(virtual, SECOND)
    sync.sync_jobs(at=virtual)
    reign = term.raise_term("simulation", at=clock.wall(), now=clock.now(), starts_system=True)

    lead = Lead(reign, carrier=workplace.bench, clock=clock)
    lead.turn()

    assert workplace.bench.count(name) == 1  # in the very first step
    assert Run.objects.get(origin=ORIGIN).nominal_at == virtual


def test_a_start_is_told(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    note: Callable[[str, dict[str, Any]], None] = lambda name, fields: heard.append({"event": name, **fields})  # noqa: E731
    monkeypatch.setattr(events, "_subscribers", [note])

    system.begin()

    (told,) = [fields for fields in heard if fields["event"] == "thor.system.started"]
    assert (told["at"], sorted(told["entries"])) == (system.clock.now().isoformat(), sorted(system.names))
