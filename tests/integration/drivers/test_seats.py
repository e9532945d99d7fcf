"""Reigns of different parts, one after another: nothing is decided twice, and what nobody decided is written down."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django_celery_beat.models import PeriodicTask

from tests.integration.drivers.conftest import START, CollectingPublisher
from tests.integration.drivers.workplace import Workplace, workplace
from thor.drivers.lead import Lead
from thor.jobs.models import Run, State
from thor.jobs.schedule import Schedule
from thor.leadership.models import Leader
from thor.leadership.seat import BESIDE_STACK, HEARTBEAT, SCHEDULER, STACK, Part, Seat
from thor.leadership.term import decided_until, raise_term, reread
from thor.timing import ManualClock

__all__ = ["workplace"]

SECOND = timedelta(seconds=1)
SEATS = (SCHEDULER, HEARTBEAT, BESIDE_STACK, STACK)


class House:
    """One job and one row of somebody's own, each due every second, and reigns over them."""

    def __init__(self, workplace: Workplace, every: Callable[..., PeriodicTask]) -> None:
        self.clock: ManualClock = workplace.clock
        self.broker = CollectingPublisher()
        self.job = workplace.declare("job", overlap="allow")
        every(1, "own")
        workplace.begin()  # notes the rows; what it decides is the first slot of the job
        Schedule().look(START)
        Run.objects.all().delete()
        Leader.objects.all().delete()

    def reign(self, seat: Seat, seconds: float, *, dies_at_once: bool = False) -> None:
        """Let a reign begin, decide each second, and end without a word."""
        reign = raise_term("tester", at=self.clock.wall(), seat=seat)
        if dies_at_once:
            self.clock.advance(timedelta(seconds=seconds))
            return
        lead = Lead(reign, carrier=self.broker, clock=self.clock)
        lead._outgoing.catch_up()
        lead.turn()
        for _ in range(int(seconds)):
            self.clock.advance(SECOND)
            lead.turn()

    def spans(self, name: str) -> list[tuple[datetime, datetime, int, str]]:
        """Return (first, last, count, state) of every row of an entry, in order."""
        rows = Run.objects.filter(name=name).order_by("nominal_at")
        return [(row.nominal_at, row.last_at or row.nominal_at, row.count, row.state) for row in rows]

    def assert_each_second_is_in_one_row(self) -> None:
        """Compare what the ledger's rows speak of with every second since the entries are there."""
        self._compare(self.job, START)
        self._compare("own", START + SECOND)

    def _compare(self, name: str, first: datetime) -> None:
        spoken: list[datetime] = []
        for start, last, count, _ in self.spans(name):
            covered = [start + number * SECOND for number in range((last - start) // SECOND + 1)]
            assert len(covered) == count
            spoken += covered
        assert spoken == [first + number * SECOND for number in range((self.clock.now() - first) // SECOND + 1)]

    def due(self, name: str) -> int:
        """Return how many runs of an entry were sent."""
        return self.broker.names.count(name)


@pytest.fixture
def house(workplace: Workplace, every: Callable[..., PeriodicTask]) -> House:
    """Return a house that nobody has ever led."""
    return House(workplace, every)


def test_what_nobody_decided_while_run_heartbeat_led_is_written_down_as_missed(house: House) -> None:
    house.reign(SCHEDULER, 5)
    house.reign(HEARTBEAT, 120)
    house.reign(SCHEDULER, 5)

    house.assert_each_second_is_in_one_row()
    missed = [count for *_, count, state in house.spans("own") if state == State.MISSED]
    assert sum(missed) >= 110
    assert [state for *_, state in house.spans(house.job)].count(State.MISSED) == 0
    assert len({one.uid for one in house.broker.sent if one.row.name == house.job}) == 131


def test_the_heartbeat_decides_jobs_alone(house: House) -> None:
    house.reign(HEARTBEAT, 10)

    assert house.spans("own") == []
    assert house.due(house.job) == 11


def test_beat_beside_the_stack_decides_everybodys_own_rows_alone(house: House) -> None:
    house.reign(BESIDE_STACK, 10)

    assert house.spans(house.job) == []
    assert house.due("own") == 10


def test_to_legacy_mode_and_back_nothing_is_decided_twice_or_passed_over(house: House) -> None:
    house.reign(SCHEDULER, 5)
    house.reign(STACK, 10)
    house.reign(BESIDE_STACK, 10)
    house.reign(STACK, 10)
    house.reign(SCHEDULER, 5)

    house.assert_each_second_is_in_one_row()
    assert Leader.objects.count() == 2


def test_a_reign_that_dies_before_it_decides_changes_nothing(house: House) -> None:
    house.reign(SCHEDULER, 5)
    house.reign(HEARTBEAT, 3, dies_at_once=True)
    house.reign(STACK, 3, dies_at_once=True)
    house.reign(BESIDE_STACK, 3, dies_at_once=True)
    house.reign(SCHEDULER, 5)

    house.assert_each_second_is_in_one_row()


@pytest.mark.parametrize("seat", SEATS, ids=lambda seat: seat.lease + "/" + "-".join(sorted(seat.parts)))
def test_the_first_start_ever_begins_now(house: House, seat: Seat) -> None:
    reign = raise_term("tester", at=START, seat=seat)

    assert (reign.decided_until, reign.ahead, reign.term) == (None, {}, 1)


def test_what_a_first_scheduler_has_left_out_begins_where_that_one_began(house: House) -> None:
    house.reign(HEARTBEAT, 10)

    reign = raise_term("tester", at=house.clock.wall(), seat=SCHEDULER)

    assert reign.decided_until == START + 10 * SECOND
    assert reign.ahead == {}


def test_a_part_that_is_ahead_is_told(house: House) -> None:
    house.reign(SCHEDULER, 5)
    house.reign(HEARTBEAT, 10)

    reign = raise_term("tester", at=house.clock.wall(), seat=SCHEDULER)

    assert reign.decided_until == START + 5 * SECOND
    assert reign.ahead == {Part.JOBS: START + 15 * SECOND}
    assert decided_until(SCHEDULER) == START + 5 * SECOND
    assert reread(reign.term, SCHEDULER) == reign


def test_terms_of_one_row_rise_whatever_the_seat(house: House) -> None:
    terms = [raise_term("tester", at=START, seat=seat).term for seat in (SCHEDULER, HEARTBEAT, BESIDE_STACK, STACK)]

    assert terms == [1, 2, 3, 1]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_reigns_decides_each_second_once(house: House, seed: int) -> None:
    chance = random.Random(seed)
    house.reign(SCHEDULER, 3)
    for _ in range(8):
        house.reign(chance.choice(SEATS), chance.randint(1, 20), dies_at_once=chance.random() < 0.3)

    house.reign(SCHEDULER, 2)

    house.assert_each_second_is_in_one_row()


@pytest.mark.django_db
def test_what_other_lines_published_says_nothing_of_ones_own() -> None:
    """Everything that is due and in time is handed over again, where somebody else decided before."""
    raise_term("beat", at=START, seat=SCHEDULER)
    Leader.objects.filter(id=SCHEDULER.row).update(published_seq=500, decided_until=START)

    same = raise_term("another beat", at=START, seat=SCHEDULER)
    heartbeat = raise_term("heartbeat", at=START, seat=HEARTBEAT)
    Leader.objects.filter(id=SCHEDULER.row).update(published_seq=900)
    after_it = raise_term("beat", at=START, seat=SCHEDULER)

    assert (same.published_seq, heartbeat.published_seq, after_it.published_seq) == (500, 0, 0)
