"""The event that tells bodies of the protocol of old that their process ends: `context.stop_event`.

run_heartbeat, the legacy stack     set it when they are stopped
a worker                            has a pipe, whose one open end is its parent's:

    parent   closes its end when it is told to shut down, which a signal's handler may do at any moment
    parent and each process of its pool   a thread reads the other end, and sets the event at the end of what comes

An event's own lock must not be asked for by a signal's handler, whose thread may be in `stop_event.wait()`.
"""

import os
import threading
from typing import Any

from celery import signals

#: Set once the process is to end; shared by all jobs of the protocol that are declared in it.
STOP = threading.Event()

_NONE = -1
#: The two ends of a worker's pipe: what is read, and what is closed.
_ends = [_NONE, _NONE]


@signals.worker_init.connect
def _open(**_: Any) -> None:
    STOP.clear()
    if _ends[1] == _NONE:  # before the pool forks, so that all its processes have it
        _ends[:] = os.pipe()


@signals.worker_process_init.connect
def _listen_in_pool(**_: Any) -> None:
    _close()  # the parent alone may hold it
    _listen()


@signals.worker_ready.connect
def _listen(**_: Any) -> None:
    if _ends[0] != _NONE:
        threading.Thread(target=_wait, args=(_ends[0],), name="thor-ending", daemon=True).start()


@signals.worker_shutting_down.connect
def _close(**_: Any) -> None:
    end, _ends[1] = _ends[1], _NONE
    if end != _NONE:
        os.close(end)


def _wait(end: int) -> None:
    os.read(end, 1)
    STOP.set()
