"""Whether processes have ended. One that nobody has asked for its status has: whoever inherits it may take a while."""

import contextlib
import time

import psutil


def all_end(processes: list[psutil.Process], seconds: float = 60.0) -> bool:
    """Wait until all have ended, and return whether they did; what lives on is killed."""
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in processes):
        if time.monotonic() > deadline:
            for process in processes:
                process.kill()
            return False
        time.sleep(0.05)
    return True


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
