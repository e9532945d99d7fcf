"""A program ends with the process that started it, however that ends."""

import os
import signal
import subprocess
import sys

import psutil

from tests.integration.operations.endings import all_end
from thor.env import BASE_DIR

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
LAUNCH = [sys.executable, "-m", "thor.operations.child"]

#: A parent that starts a program by the launcher, says its process id, and waits.
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([*{LAUNCH!r}, str(os.getpid()), *{SLEEP!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""

#: The same, as it is where the kernel binds nobody: the launcher stays and watches.
WATCHING_PARENT = f"""
import os, subprocess, sys, time
watch = "import os, sys; from thor.operations.child import run_beside; "
watch += "sys.exit(run_beside(int(sys.argv[1]), sys.argv[2:]))"
child = subprocess.Popen(
    [sys.executable, "-c", watch, str(os.getpid()), *{SLEEP!r}], stdout=subprocess.PIPE, start_new_session=True
)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def processes_of(parent_code: str) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    parent = subprocess.Popen([sys.executable, "-c", parent_code], cwd=BASE_DIR, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    return parent, [child, *child.children(recursive=True)]


def test_the_kernel_ends_a_program_whose_supervisor_is_killed() -> None:
    parent, programs = processes_of(PARENT)

    parent.kill()
    parent.wait()

    assert all_end(programs)


def test_a_launcher_that_watches_ends_its_program_when_the_supervisor_is_killed() -> None:
    parent, programs = processes_of(WATCHING_PARENT)
    assert len(programs) == 2

    parent.kill()
    parent.wait()

    assert all_end(programs)


def test_a_launcher_that_watches_hands_on_the_wish_to_end() -> None:
    parent, programs = processes_of(WATCHING_PARENT)

    os.kill(programs[0].pid, signal.SIGTERM)

    assert all_end(programs)
    parent.kill()
    parent.wait()


def test_a_program_whose_starter_has_gone_already_is_not_begun() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    done = subprocess.run([*LAUNCH, str(gone.pid), *SLEEP], cwd=BASE_DIR, capture_output=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, b"")


def test_the_exit_status_is_the_programs_own() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit(7)"]

    done = subprocess.run([*LAUNCH, str(os.getpid()), *command], cwd=BASE_DIR, timeout=60)

    assert done.returncode == 7


def test_a_program_that_does_not_exist_is_one_sentence() -> None:
    done = subprocess.run([*LAUNCH, str(os.getpid()), "no-such-program"], cwd=BASE_DIR, capture_output=True)

    assert done.returncode == 127
    assert done.stderr == b"no-such-program cannot be started: No such file or directory.\n"
