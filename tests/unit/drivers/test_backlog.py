"""How long a queue may grow: short enough for what is in it to run in time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from thor.drivers.backlog import LEAST, Backlog


@dataclass
class Desk:
    """One queue, first come, first served, and workers that take so many messages a second from it."""

    rate: float
    now: float = 1000.0
    depth: float = 0.0
    sent_at: list[float] = field(default_factory=list)

    def backlog(self) -> Backlog:
        return Backlog(lambda queue: int(self.depth), now=lambda: self.now)

    def work(self, seconds: float) -> list[float]:
        """Let time pass; return how long those that were taken had waited."""
        self.now += seconds
        taken = min(len(self.sent_at), round(self.rate * seconds))
        waits, self.sent_at = [self.now - at for at in self.sent_at[:taken]], self.sent_at[taken:]
        self.depth = len(self.sent_at)
        return waits

    def send(self, number: int, backlog: Backlog) -> None:
        self.sent_at += [self.now] * number
        self.depth = len(self.sent_at)
        backlog.sent("q", number)


def test_a_burst_that_meets_an_empty_queue_goes_out_whole() -> None:
    desk = Desk(rate=60)
    backlog = desk.backlog()
    backlog.look()

    assert not backlog.is_full("q")
    desk.send(10_000, backlog)
    assert not backlog.is_full("q")  # what was seen counts, and it was seen empty
    backlog.look()
    assert backlog.is_full("q")


def test_a_queue_that_is_worked_off_quickly_is_never_full() -> None:
    desk = Desk(rate=4000)
    backlog = desk.backlog()

    for _ in range(40):
        backlog.look()
        assert not backlog.is_full("q")
        desk.send(1000, backlog)
        desk.work(0.25)


def test_what_waits_behind_a_slow_worker_waits_for_a_second_at_most() -> None:
    desk = Desk(rate=200)
    backlog = desk.backlog()
    waits = _work_under_load(desk, backlog, seconds=30, due_a_look=250)

    settled = waits[len(waits) // 2 :]
    assert len(waits) >= 0.9 * desk.rate * 28  # the workers never rest
    assert max(settled) <= 1.0


def _work_under_load(desk: Desk, backlog: Backlog, *, seconds: int, due_a_look: int) -> list[float]:
    """Let more fall due than can be done; what is held is released as there is room."""
    waits: list[float] = []
    held = 0
    for _ in range(4 * seconds):
        backlog.look()
        backlog.hold({"q": held} if held else {})
        room = min(held, backlog.room("q"))
        desk.send(room, backlog)
        held -= room
        if backlog.is_full("q"):
            held += due_a_look
        else:
            desk.send(due_a_look, backlog)
        waits += desk.work(0.25)
    return waits


def test_newcomers_wait_behind_those_that_are_held() -> None:
    backlog = Desk(rate=60).backlog()
    backlog.look()
    backlog.hold({"q": 3})
    assert backlog.is_full("q")
    assert not backlog.is_full("another")

    backlog.hold({})
    assert not backlog.is_full("q")


def test_without_a_worker_a_queue_takes_only_a_few() -> None:
    desk = Desk(rate=0)
    backlog = desk.backlog()
    _work_under_load(desk, backlog, seconds=60, due_a_look=10)

    assert LEAST <= desk.depth <= LEAST + 10


def test_a_rate_of_long_ago_says_nothing_about_now() -> None:
    desk = Desk(rate=4000)
    backlog = desk.backlog()
    _work_under_load(desk, backlog, seconds=5, due_a_look=500)
    desk.rate = 0

    _work_under_load(desk, backlog, seconds=15, due_a_look=1)

    assert backlog.room("q") <= LEAST


def test_a_broker_that_does_not_say_holds_nothing_back() -> None:
    measure: Callable[[str], int | None] = lambda queue: None  # noqa: E731
    backlog = Backlog(measure)
    backlog.sent("q", 100_000)
    backlog.look()

    assert not backlog.is_full("q")
    assert not backlog.is_empty("q")
