"""A leader of the test's own: real rows and a real ledger, a clock that stands still, a broker that only collects."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from thor.drivers.carrier import PublishFailed
from thor.drivers.envelope import Message
from thor.drivers.lead import Lead
from thor.drivers.memory import BrokerMemory
from thor.drivers.timetable import Timetable
from thor.jobs.models import Run
from thor.leadership.term import raise_term
from thor.timing import Clock, ManualClock

#: In the future, since deadlines are judged by the database's own clock. New York is open.
START = datetime(2027, 11, 19, 15, 0, tzinfo=UTC)


class CollectingPublisher:
    """Keep what is published; refuse while `is_down`."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.is_down = False
        self.waiting: dict[str, int] = {}

    def publish(self, messages: list[Message], parcels: Any = None) -> None:
        """Keep the batch, or refuse it whole."""
        if self.is_down and messages:
            raise PublishFailed("the broker is down.")
        self.sent += messages

    def pack(self, messages: list[Message]) -> dict[Any, Any]:
        """Have nothing to pack."""
        return {}

    def depth(self, queue: str) -> int | None:
        """Tell how many messages wait in a queue."""
        return self.waiting.get(queue, 0)

    def can_claim(self, task: str) -> bool:
        """Claim every task but those of another application."""
        return not task.startswith("foreign.")

    def memory(self, installation: str) -> BrokerMemory:
        """Keep the mark where a real broker would."""
        return BrokerMemory(installation)

    def close(self) -> None:
        """Have nothing to close."""

    @property
    def names(self) -> list[str]:
        """Return the lines that fired, in order."""
        return [message.row.name for message in self.sent]


class World:
    """A clock, a broker, and leaders that follow one another."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Any = clock or ManualClock(START)
        self.broker = CollectingPublisher()
        self.lead: Any = None

    def new_leader(self, timetable: Timetable | None = None) -> Lead:
        """Begin a new reign, with what was known while standing by."""
        reign = raise_term("tester", at=self.clock.wall())
        self.lead = Lead(reign, carrier=self.broker, clock=self.clock, timetable=timetable)
        # `turn` looks around once; on a slow machine the leader would do so again by itself, in the same turn.
        self.lead._look._period = self.lead._look._next = inf
        return self.lead

    def after(self, seconds: float) -> list[str]:
        """Let time pass, turn once, and return the lines that fired."""
        self.clock.advance(timedelta(seconds=seconds))
        return self.turn()

    def turn(self) -> list[str]:
        """Turn once, with a fresh look at the schedule; return the lines that fired."""
        before = len(self.broker.sent)
        if self.lead._outgoing.is_behind:
            self.lead._outgoing.catch_up()
        self.lead._look_around()
        self.lead.turn()
        return self.broker.names[before:]


@pytest.fixture
def world(transactional_db: None) -> World:
    """Return a world without entries, on a Friday at 15:00 UTC: New York is open."""
    return World()


@pytest.fixture
def every(transactional_db: None) -> Callable[..., PeriodicTask]:
    """Return a maker of a user's own periodic tasks."""

    def make(seconds: int, name: str = "own", **values: Any) -> PeriodicTask:
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
        return PeriodicTask.objects.create(name=name, task=values.pop("task", "own.task"), interval=interval, **values)

    return make


def states() -> list[tuple[str, str, int]]:
    """Return (state, reason, count) of every run in the order of their occurrence."""
    return list(Run.objects.order_by("nominal_at", "seq").values_list("state", "reason", "count"))
