"""Seats: what a scheduler contends for, and which lines of the schedule it decides from there.

    seat             row    lease         decides
    SCHEDULER        1      thor:leader   Thor's jobs and everybody's own periodic tasks (beat)
    HEARTBEAT        1      thor:leader   Thor's jobs (`run_heartbeat`; the others wait for beat)
    BESIDE_STACK     1      thor:leader   everybody's own periodic tasks (beat, in legacy mode)
    STACK            2      thor:stack    Thor's jobs (the supervisors of legacy mode)

Whoever begins a reign goes on from where each of its parts is decided until, in whatever seat that was: a change of
mode neither decides anything twice nor passes anything over.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """Whose lines they are: those of Thor's jobs, or the periodic tasks that people made themselves."""

    JOBS = "jobs"
    OTHERS = "others"


BOTH: Final = frozenset(Part)


@dataclass(frozen=True, slots=True)
class Seat:
    """A row of the table of leaders, the name of the lease that guards it, and the parts that are decided there.

    `forgets` tells that what was handed over is gone with the process it was handed to; a broker outlives schedulers.
    """

    row: int
    lease: str
    parts: frozenset[Part] = BOTH
    forgets: bool = False


SCHEDULER: Final = Seat(1, "thor:leader")
HEARTBEAT: Final = Seat(1, "thor:leader", frozenset({Part.JOBS}), forgets=True)
BESIDE_STACK: Final = Seat(1, "thor:leader", frozenset({Part.OTHERS}))
STACK: Final = Seat(2, "thor:stack", frozenset({Part.JOBS}), forgets=True)
