"""Run one command that cannot outlive the process that started it.

    python -m thor.operations.child PARENT COMMAND [ARGUMENT…]

PARENT is the process id of the starter. A supervisor that is killed cannot end its programs any more, and a
beat or a worker that nobody watches is worse than none. On Linux the kernel is asked to kill this process
when its parent ends, and the command takes this process over; elsewhere this process stays and watches its
parent. The signal is SIGKILL because there is nobody left to wait for a clean end; the ledger is made for it.

Imports the standard library only, since it is passed through at each start of each program.
"""

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

#: From <sys/prctl.h>; the request survives `exec`, not `fork`.
PR_SET_PDEATHSIG = 1
#: Seconds between two looks at the parent where the kernel does not tell.
LOOK_SECONDS = 0.5


def main(arguments: list[str]) -> int:
    """Become the command, or run it and return its exit status."""
    parent, command = int(arguments[0]), arguments[1:]
    if not sys.platform.startswith("linux"):
        return run_beside(parent, command)
    die_with_parent(parent)
    try:
        os.execvp(command[0], command)  # noqa: S606  (no shell is wanted)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
        return 127


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the kernel was asked; then nobody will ever be told.
    if os.getppid() != parent:
        os._exit(1)


def run_beside(parent: int, command: list[str]) -> int:
    """Run the command, hand on SIGTERM, and kill the whole process group when the parent ends."""
    process = subprocess.Popen(command)  # noqa: S603  (our own command line)

    def hand_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGTERM, hand_on)
    while os.getppid() == parent:
        try:
            status = process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return status if status >= 0 else 128 - status
    os.killpg(0, signal.SIGKILL)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
