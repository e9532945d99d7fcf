"""The mode of this installation: who runs Thor's jobs. One guard, which every starter of the old kind asks.

heartbeat   the unified scheduler: `celery -A thor beat` with workers, or `manage.py run_heartbeat` by itself
legacy      threads of supervisors in one process (`thor.drivers.supervisor`); beat keeps everybody's own entries
"""

import os
from collections.abc import Callable
from enum import StrEnum

from thor.env import env
from thor.leadership.seat import Seat
from thor.leadership.selectors import rivals

VARIABLE = "THOR_SCHEDULER_MODE"


class Mode(StrEnum):
    """The values of THOR_SCHEDULER_MODE."""

    HEARTBEAT = "heartbeat"
    LEGACY = "legacy"


def mode() -> Mode:
    """Return the mode of this process."""
    return Mode(env().scheduler_mode)


def legacy_allowed() -> bool:
    """Tell whether threads of supervisors may be started: in legacy mode, and in no other."""
    return mode() is Mode.LEGACY


def set_mode(wanted: Mode) -> None:
    """Set the mode of this process and of those that it starts."""
    os.environ[VARIABLE] = wanted
    env.cache_clear()


def tell_of_rivals(seat: Seat, say: Callable[[str], object]) -> None:
    """Say who decides the same lines from another seat: the modes of two processes differ, which nobody wants."""
    for holder in rivals(seat):
        say(
            f"{holder} decides the same entries in another mode; nothing runs twice, since each run is one row of the "
            f"ledger, but give all processes one {VARIABLE}."
        )
