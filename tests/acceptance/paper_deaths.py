"""Where processes of a paper run die: places of the protocol, counted while a scheduler turns or a body runs.

Places are each end of a transaction, each word with the broker, and each step that the product names (`failpoints`).
They are numbered anew in each attempt of each run. Those at which nobody can know whether the broker has an order, from
the commit that says `sending` until the broker's own, are numbered apart: who dies there orders minutes later, when the
broker has said often enough that it has none, and so at another price.

    at planned · before commit · [after commit · at sending · before submit · before commit] · after commit · …
"""

import mmap
import os
import signal
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from thor import failpoints
from thor.jobs.inline import Inline
from thor.trading.brokers.paper.broker import PaperBroker

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
#: The instant at which the last child stood, and the number of its death.
_LAYOUT: Final = struct.Struct("<qq")
#: The next place that ends a stage on the way of an order to the broker, by stage; in the last two it is in doubt.
_WAY: Final = {0: "at planned", 1: "after commit", 2: "before submit", 3: "after commit"}
_DOUBT: Final = (2, 3)
#: What a turn of the scheduler is called.
SCHEDULER: Final = "scheduler"


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies: at the `number`th place that one attempt of a run passes, or of those in doubt.

    `inside` is a job with the time of its run, or `scheduler` with the instant. Without a number the parent kills it,
    some milliseconds after the instant was reached, wherever it is then.
    """

    inside: str
    number: int = 0
    in_doubt: bool = False
    milliseconds: int = 0

    @property
    def instant(self) -> datetime:
        """Return the virtual time at which it is looked for."""
        return datetime.fromisoformat(self.inside.split()[1])

    @property
    def place(self) -> tuple[str, int, bool]:
        """Return what it is found by."""
        return self.inside, self.number, self.in_doubt


class Standing:
    """What the parent knows of its children, in memory that they share: when the last one stood, and how it died."""

    def __init__(self, at: datetime) -> None:
        """Begin at an instant."""
        self._memory = mmap.mmap(-1, _LAYOUT.size)
        self._set(at, -1)

    @property
    def at(self) -> datetime:
        """Return the instant at which the last child stands or stood."""
        return EPOCH + timedelta(microseconds=_LAYOUT.unpack(self._memory[:])[0])

    @at.setter
    def at(self, value: datetime) -> None:
        self._set(value, self.death)

    @property
    def death(self) -> int:
        """Return which death the last child has died; -1 for none."""
        return int(_LAYOUT.unpack(self._memory[:])[1])

    @death.setter
    def death(self, value: int) -> None:
        self._set(self.at, value)

    def _set(self, at: datetime, death: int) -> None:
        self._memory[:] = _LAYOUT.pack((at - EPOCH) // MICROSECOND, death)


@dataclass(slots=True)
class Places:
    """The places that this process passes; it dies at the first that is one of the deaths' (by number of the death)."""

    deaths: Mapping[tuple[str, int, bool], int]
    standing: Standing
    trace: list[str] | None = None
    inside: str = ""
    stage: int = 0
    passed: dict[bool, int] = field(default_factory=dict)

    def enter(self, inside: str) -> None:
        """Begin a stretch with numbers of its own; an empty one has no places."""
        self.inside, self.stage, self.passed = inside, 0, {True: 0, False: 0}

    def reach(self, place: str) -> None:
        """Pass a place, or die there."""
        if not self.inside:
            return
        if self.inside.startswith(SCHEDULER):
            pass  # it plans as well, but no orders
        elif place == _WAY[0]:
            self.stage = 1
        elif place == _WAY[self.stage]:
            self.stage = (self.stage + 1) % len(_WAY)
        in_doubt = self.stage in _DOUBT
        self.passed[in_doubt] += 1
        number = self.passed[in_doubt]
        if self.trace is not None:
            self.trace.append(f"{self.inside} {number} {'doubt' if in_doubt else 'sure'} {place}")
        death = self.deaths.get((self.inside, number, in_doubt))
        if death is not None:
            self.standing.death = death
            os.kill(os.getpid(), signal.SIGKILL)


def watch(places: Places) -> None:
    """Report the places: each end of a transaction, each word with the broker, each step that the product names."""

    def around(owner: Any, name: str, said: str) -> None:
        inner = getattr(owner, name)

        def outer(*args: Any, **kwargs: Any) -> Any:
            places.reach(f"before {said}")
            found = inner(*args, **kwargs)
            places.reach(f"after {said}")
            return found

        setattr(owner, name, outer)

    around(BaseDatabaseWrapper, "_commit", "commit")
    for name in ("submit", "cancel", "account", "positions", "open_orders", "order", "fills"):
        around(PaperBroker, name, name)
    failpoints._armed = lambda: _Reporter(places)  # type: ignore[assignment,return-value]
    _watch_bodies(Inline, places)


def _watch_bodies(hands: Any, places: Places) -> None:
    inner: Callable[..., Any] = hands.carry_out

    def carry_out(self: Any, errand: Any) -> Any:
        places.enter(f"{errand.job} {errand.header['nominal_at']}")
        try:
            return inner(self, errand)
        finally:
            places.enter("")

    hands.carry_out = carry_out


class _Reporter:
    """What stands in the place of an armed failpoint: every step is reported, none is the one."""

    def __init__(self, places: Places) -> None:
        self._places = places

    @property
    def step(self) -> Any:
        return self

    def __ne__(self, step: object) -> bool:
        self._places.reach(f"at {step}")
        return True
