"""The nasty days of the calendar in virtual time: the clocks change, February has 29 days, and the leaders with it.

Real loops, agendas and dispatchers decide these days on a ledger of paper, while leaders die, freeze and lose the
database at random moments and a person pauses lines. What each line owes is found by a watchman of the tests' own, who
looks at the clock of the zone once a minute.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest

from tests.unit.drivers.simulation import NAMESPACE, Killed, World, edited
from thor.jobs.schedule import Row
from thor.timing import Cron, Entry, Every, Skip

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: The days, by the zone's own calendar, and how many whole hours each stretch has.
DAYS = [
    ("America/New_York", date(2027, 3, 14), 23),
    ("America/New_York", date(2027, 11, 7), 25),
    ("Europe/London", date(2027, 3, 28), 23),
    ("Europe/London", date(2027, 10, 31), 25),
    ("Africa/Cairo", date(2027, 4, 30), 23),  # at midnight
    ("America/Santiago", date(2027, 9, 5), 23),  # at midnight, in the southern spring
    ("Australia/Lord_Howe", date(2027, 4, 4), 24.5),  # by half an hour
    ("Australia/Lord_Howe", date(2027, 10, 3), 23.5),
    ("Asia/Kolkata", date(2028, 2, 28), 24),
    ("Europe/Berlin", date(2028, 2, 29), 24),
    ("America/Chicago", date(2028, 3, 1), 24),
]
#: Minutes and hours at which lines fire, by the clock of the zone; `*` fires by elapsed time.
EVERY_QUARTER, EVERY_HOUR = ("0,15,30,45", "*"), ("0", "*")
FIXED = ("30", "0"), ("30", "1"), ("30", "2"), ("5", "0,1,2,3")
INTERVALS = (600, 3600)


def start_of(zone: str, day: date) -> datetime:
    """Return the first instant of a day, which is not 00:00 where the clocks change at midnight."""
    at = datetime.combine(day, datetime.min.time(), UTC) - DAY
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += MINUTE
    return at


def watched(cron: Cron, start: datetime, end: datetime) -> list[datetime]:
    """Return when a watchman calls: at each time that the clock shows, or has just jumped over, and not again."""
    zone, found, called = ZoneInfo(cron.zone), list[datetime](), set[datetime]()
    minutes, hours = ({int(part) for part in field.split(",") if part != "*"} for field in (cron.minute, cron.hour))
    shown = (start - 2 * DAY).astimezone(zone).replace(tzinfo=None)
    at = start - 2 * DAY
    while at <= end:
        before, shown = shown, at.astimezone(zone).replace(tzinfo=None)
        first = shown if cron.hour == "*" or shown <= before else min(shown, before + MINUTE)
        passed = [first + number * MINUTE for number in range(round((shown - first) / MINUTE) + 1)]
        names = [time for time in passed if time.minute in minutes and (not hours or time.hour in hours)]
        named = [time for time in names if not hours or _fits_day(cron, time)]
        if any(cron.hour == "*" or time not in called for time in named) and at > start:
            found.append(at)
        called.update(named)
        at += MINUTE
    return found


def _fits_day(cron: Cron, time: datetime) -> bool:
    return cron.day_of_month == "*" or time.day == int(cron.day_of_month)


class Days:
    """A stretch of days: a world with lines of one zone, what each owes, and a series of faults."""

    def __init__(self, zone: str, start: datetime, end: datetime, seed: int) -> None:
        self.rng, self.start, self.end = random.Random(seed), start, end
        self.world, self.takeovers = World(), 0
        self.world.clock.set(start)
        self.world.at_every_moment = self.none_is_early
        lines = {row.name: row for row in _lines(zone, start)}
        self.world.lines = {row.id: row for row in lines.values()}
        self.pausable, self.paused_at = lines["paused"], None
        self.toggled_at = start
        self.owed = {row.id: _owed(row, start, end) for row in lines.values()}
        self._seen = 0
        for _ in range(2):
            self.start_one()

    def start_one(self) -> None:
        """Start a scheduler."""
        self.takeovers += 1
        self.world.start(f"node-{self.takeovers}")

    def pass_through(self) -> None:
        """Go from one due time to the next, each a little before and a little after; faults in between."""
        self.world.pass_time(2)
        for at in sorted({slot for slots in self.owed.values() for slot in slots}):
            wait = (at - self.world.clock.now()).total_seconds() - self.rng.choice((0.5, 1.0, 1.25))
            if wait > 0:
                self._leap(wait)
            if self.rng.random() < 0.4:
                self._hurt()
            self.world.pass_time(max(0.0, (at - self.world.clock.now()).total_seconds()) + 1)
        self._toggle_pause(only_resume=True)
        self._mend()
        self.world.pass_time(60)

    def none_is_early(self) -> None:
        """Look, at every moment, whether a row was written before its time."""
        rows = list(self.world.ledger.rows.values())
        for row in rows[self._seen :]:
            assert (row.last_at or row.nominal_at) <= self.world.clock.now(), f"{row.name} of {row.nominal_at}"
        self._seen = len(rows)

    def _leap(self, seconds: float) -> None:
        """Let time pass in which nothing is due; leases expire, so whoever comes first leads next."""
        self.world.now += seconds
        self.world.clock.advance(timedelta(seconds=seconds))
        self.rng.shuffle(self.world.nodes)

    def _hurt(self) -> None:
        self._mend()
        node = self.rng.choice([*self.world.nodes, *(node for node in self.world.nodes if node.leads)])
        fault = self.rng.choice(("die", "step", "freeze", "late", "database", "answer", "broker", "pause", "pause"))
        if fault == "die":
            self.world.nodes.remove(node)
        elif fault in ("step", "late"):
            node.on_step[self.rng.choice(("planned", "decided", "published"))] = (
                self._die if fault == "step" else lambda: self.world.pass_time(self.rng.choice((0.5, 2.0, 8.0)))
            )
        elif fault == "freeze":
            self._leap(self.rng.choice((10, 400, 5000)))  # everybody, for longer than some deadlines
        elif fault == "database":
            node.is_database_away = True
        elif fault == "answer":
            node.next_decision = self.rng.choice(("refused", "unanswered"))
        elif fault == "broker":
            self.world.queue.forget()
        else:
            self._toggle_pause()
        while len(self.world.nodes) < 2:
            self.start_one()

    def _mend(self) -> None:
        for node in self.world.nodes:
            node.is_database_away, node.next_decision = False, ""
            node.on_step.clear()

    @staticmethod
    def _die() -> None:
        raise Killed

    def _toggle_pause(self, *, only_resume: bool = False) -> None:
        now = self.world.clock.now()
        if not only_resume and not self._has_decided(now):
            return
        self.toggled_at = now
        if self.paused_at is not None:
            self.world.replace(edited(self.pausable, now, pauses=(self.paused_at, now)))
            self.paused_at = None
        elif not only_resume:
            self.world.replace(edited(self.pausable, now, paused=True))
            self.paused_at = now

    def _has_decided(self, now: datetime) -> bool:
        """Tell whether a leader knows of the last edit and has decided all before `now`: an edit begins where it is."""
        due = max((slot for slots in self.owed.values() for slot in slots if slot <= now), default=self.start)
        until = self.world.ledger.decided_until
        return until is not None and until >= due and until > self.toggled_at + timedelta(seconds=0.5)


def _lines(zone: str, start: datetime) -> Iterator[Row]:
    crons = [Cron(minute, hour, zone=zone) for minute, hour in (EVERY_QUARTER, EVERY_HOUR, *FIXED)]
    monthly = [Cron("15", "2", day_of_month=day, zone=zone) for day in (28, 29, 1)]
    intervals = [Every(seconds=period) for period in INTERVALS]
    for number, cadence in enumerate([*crons, *monthly, *intervals]):
        yield _line(f"line-{number}", Entry(_id(number), cadence, start))
    yield _line("paused", Entry(_id(99), Cron(*EVERY_QUARTER, zone=zone), start))


def _id(number: int) -> UUID:
    return uuid5(NAMESPACE, f"virtual year {number}")


def _line(name: str, timed: Entry) -> Row:
    return Row(
        pk=timed.id.int % 10**6, name=name, timed=replace(timed, catch_up=Skip()), task="work", args=[], kwargs={},
        options={"queue": "default"}, headers={}, one_off=False, version="", spec=None,
    )  # fmt: skip


def _owed(row: Row, start: datetime, end: datetime) -> list[datetime]:
    cadence = row.timed.cadence
    if isinstance(cadence, Cron):
        return watched(cadence, start, end)
    assert cadence.period is not None
    period = cadence.period.total_seconds()
    first = datetime.fromtimestamp((start.timestamp() // period + 1) * period, UTC)
    return [first + number * cadence.period for number in range((end - first) // cadence.period + 1)]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_every_slot_of_a_nasty_day_is_in_one_row(zone: str, day: date, hours: float, seed: int) -> None:
    start, end = start_of(zone, day) - timedelta(hours=1), start_of(zone, day + DAY) + timedelta(hours=3)
    assert end - start == timedelta(hours=hours + 4)
    days = Days(zone, start, end, seed)

    try:
        days.pass_through()
    finally:
        days.world.close()

    assert days.world.ledger.term > 10
    spoken = Counter[tuple[UUID, datetime]]()
    for row in days.world.ledger.rows.values():
        slots = [slot for slot in days.owed[row.entry] if row.nominal_at <= slot <= (row.last_at or row.nominal_at)]
        assert len(slots) == row.count, f"{row.name} of {row.nominal_at} says {row.count}: {row.state} {row.reason}"
        spoken.update((row.entry, slot) for slot in slots)
    owed = [(entry, slot) for entry, slots in days.owed.items() for slot in slots]
    assert sorted(spoken) == sorted(owed)
    assert [key for key, number in spoken.items() if number > 1] == []
