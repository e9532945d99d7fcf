"""Die or freeze at a named step of the protocol, for tests: without THOR_FAILPOINT nothing ever happens here.

`THOR_FAILPOINT=decided:kill:20` ends the process with SIGKILL, no handler run and nothing flushed, when it reaches the
step `decided` for the twentieth time; `stop` freezes it with SIGSTOP, until somebody sends SIGCONT. A process forked
from it counts on by itself.
"""

import os
import signal
from dataclasses import dataclass
from functools import cache

from thor.env import env

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(slots=True)
class _Armed:
    """The step at which this process ends, the signal that ends it, and how often it is still to be passed."""

    step: str
    signal: signal.Signals
    left: int


def reach(step: str) -> None:
    """Say that the process has come to `step`; it may not come any further."""
    armed = _armed()
    if armed is None or armed.step != step:
        return
    armed.left -= 1
    if armed.left == 0:
        os.kill(os.getpid(), armed.signal)


@cache
def _armed() -> _Armed | None:
    if not env().failpoint:
        return None
    step, action, count = env().failpoint.split(":")
    return _Armed(step, _SIGNALS[action], int(count))
