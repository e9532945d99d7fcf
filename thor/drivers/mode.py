"""The mode of this installation: who runs Thor's jobs. One guard, which every starter of the old kind asks.

heartbeat   the unified scheduler: `celery -A thor beat` with workers, or `manage.py run_heartbeat` by itself
legacy      threads of supervisors in one process (`thor.drivers.supervisor`); beat keeps everybody's own entries
"""

import os
from enum import StrEnum

from thor.env import env

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
