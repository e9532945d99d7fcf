"""The supervisor: it prints, starts again, gives up, and ends everything in order."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.integration.operations.endings import all_end
from thor.operations import restarts
from thor.operations.process import ProgramProcess
from thor.operations.programs import Program
from thor.operations.supervisor import Supervisor

pytestmark = pytest.mark.usefixtures("configured")

RUNS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
WITH_CHILD = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print('up', flush=True); time.sleep(60)"
)


def python(name: str, code: str, stage: int = 1, patience: float = 60.0) -> Program:
    return Program(name, (sys.executable, "-c", code), stage=stage, patience=patience)


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(output: io.StringIO) -> Iterator[Supervisor]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    made = Supervisor(output)
    made.obey_signals()
    yield made
    made.end_all()
    for thread in _senders:  # a signal that comes later would end the tests
        thread.join()
    _senders.clear()
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make restarts quick."""
    monkeypatch.setattr(restarts, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(restarts, "LONGEST_DELAY", 0.05)


_senders: list[threading.Thread] = []


def soon(number: int, after: float) -> None:
    _send(threading.Timer(after, os.kill, (os.getpid(), number)))


def once(condition: Callable[[], bool], number: int) -> None:
    """Send this process a signal as soon as something is so; after a minute in any case."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    _send(threading.Thread(target=watch))


def _send(thread: threading.Thread) -> None:
    _senders.append(thread)
    thread.start()


def after_line(supervisor: Supervisor, output: io.StringIO, line: str, times: int = 1) -> str:
    """Print until the line has come so often; return everything printed."""
    deadline = time.monotonic() + 60
    while output.getvalue().count(line) < times and time.monotonic() < deadline:
        supervisor.print_lines(0.05)
    return output.getvalue()


_others: set[int] = set()


@pytest.fixture(autouse=True)
def _know_the_others() -> None:
    """Remember what this process has started before: a browser of other tests, say."""
    _others.clear()
    _others.update(process.pid for process in psutil.Process().children(recursive=True))


def children() -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive=True) if process.pid not in _others]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_with_status_0(supervisor: Supervisor, output: io.StringIO, number: int) -> None:
    supervisor.start(python("one", RUNS))
    supervisor.start(python("two", WITH_CHILD))
    after_line(supervisor, output, "two")
    before = children()

    soon(number, after=0.2)
    status = supervisor.supervise()
    supervisor.end_all()

    assert status == 0
    assert len(before) == 3
    assert all_end(before)


def test_lines_are_printed_under_the_name_of_their_program(supervisor: Supervisor, output: io.StringIO) -> None:
    supervisor.start(python("one", "print('Grüße'); import time; time.sleep(60)"))

    printed = after_line(supervisor, output, "Grüße")

    assert printed.rstrip().endswith("one  | Grüße")


def test_a_program_that_was_killed_runs_again_and_it_is_said(
    supervisor: Supervisor, output: io.StringIO, quick: None
) -> None:
    process = supervisor.start(python("one", RUNS))
    after_line(supervisor, output, "up")

    children()[0].kill()
    once(lambda: output.getvalue().count("| up") == 2, signal.SIGTERM)
    supervisor.supervise()

    assert process.runs
    assert "one was ended by SIGKILL; it starts again in 0 s." in output.getvalue()


def test_what_a_killed_program_left_behind_is_ended_before_it_runs_again(
    supervisor: Supervisor, output: io.StringIO, quick: None
) -> None:
    supervisor.start(python("one", WITH_CHILD))
    after_line(supervisor, output, "up")
    killed, orphan = children()

    killed.kill()
    once(lambda: output.getvalue().count("| up") == 2, signal.SIGTERM)
    supervisor.supervise()

    assert all_end([orphan], seconds=10)


def test_a_program_that_keeps_ending_ends_everything_with_status_1(
    supervisor: Supervisor, output: io.StringIO, quick: None
) -> None:
    supervisor.start(python("one", RUNS))
    supervisor.start(python("two", "import sys; sys.exit(3)"))

    status = supervisor.supervise()
    supervisor.print_lines()

    assert status == 1
    printed = output.getvalue()
    assert "two ended with exit status 3, the last of 5 times within 60 s; everything ends." in printed


def test_a_program_that_refuses_its_configuration_ends_everything_with_status_2(
    supervisor: Supervisor, output: io.StringIO
) -> None:
    supervisor.start(python("one", RUNS))
    supervisor.start(python("two", "import sys; print('no such file'); sys.exit(2)"))

    status = supervisor.supervise()
    supervisor.print_lines()

    assert status == 2
    printed = output.getvalue()
    assert printed.index("no such file") < printed.index("two cannot run with this configuration")


def test_the_last_words_of_a_program_are_printed_before_its_end_is_told(
    supervisor: Supervisor, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ProgramProcess._write
    monkeypatch.setattr(ProgramProcess, "_write", lambda self, line: (time.sleep(0.5), write(self, line)))
    supervisor.start(python("two", "import sys; print('first'); print('no such file'); sys.exit(2)"))

    assert supervisor.supervise() == 2
    supervisor.print_lines()

    printed = output.getvalue()
    assert printed.index("first") < printed.index("no such file") < printed.index("two cannot run")


def test_whoever_was_told_to_end_is_heard_to_the_last_word(
    supervisor: Supervisor, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit())); "
    supervisor.start(python("one", says + "print('up', flush=True); time.sleep(60)"))
    after_line(supervisor, output, "one")
    write = ProgramProcess._write
    monkeypatch.setattr(ProgramProcess, "_write", lambda self, line: (time.sleep(0.5), write(self, line)))

    supervisor.end_all()

    assert "bye" in output.getvalue()


def test_programs_end_in_the_order_of_their_stages(supervisor: Supervisor, output: io.StringIO) -> None:
    says = (
        "import signal, sys, time; "
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', time.monotonic_ns()), sys.exit())); "
        "print('up', flush=True); time.sleep(60)"
    )
    for name, stage in (("last", 3), ("first", 1), ("middle", 2)):
        supervisor.start(python(name, says, stage=stage))
        after_line(supervisor, output, f"{name}")

    supervisor.end_all()

    printed = after_line(supervisor, output, " bye ", times=3)  # who reads a line may be slower than who says it
    # By the time at which each ended: whose line is printed first is the readers' race.
    byes = sorted((int(line.split()[-1]), line.split()[1]) for line in printed.splitlines() if " bye " in line)
    assert [name for _, name in byes] == ["first", "middle", "last"]


def test_a_program_that_does_not_end_in_its_time_is_killed(supervisor: Supervisor, output: io.StringIO) -> None:
    process = supervisor.start(python("one", STUBBORN, patience=0.3))
    after_line(supervisor, output, "up")

    began = time.monotonic()
    supervisor.end_all()

    assert not process.runs
    assert 0.3 <= time.monotonic() - began < 30  # and not the minute that it would go on


def test_a_second_ctrl_c_kills_what_takes_its_time(
    supervisor: Supervisor, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.operations.supervisor.INSIST_SECONDS", 0.1)
    process = supervisor.start(python("one", STUBBORN, patience=60))
    after_line(supervisor, output, "up")

    soon(signal.SIGINT, after=0.1)
    soon(signal.SIGINT, after=0.6)
    supervisor.supervise()
    supervisor.end_all()

    assert not process.runs


def test_the_same_signal_handed_on_twice_is_no_hurry(supervisor: Supervisor, output: io.StringIO) -> None:
    slow = (
        "import signal, sys, time; "
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(.5), print('done'), sys.exit())); "
        "print('up', flush=True); time.sleep(60)"
    )
    supervisor.start(python("one", slow))
    after_line(supervisor, output, "up")

    soon(signal.SIGTERM, after=0.1)
    soon(signal.SIGTERM, after=0.2)
    supervisor.supervise()
    supervisor.end_all()

    assert "done" in after_line(supervisor, output, "done")


def test_a_program_that_cannot_be_started_counts_as_one_that_ended(
    supervisor: Supervisor, output: io.StringIO, quick: None
) -> None:
    def no_lock() -> object:
        raise OSError("no lock today")

    supervisor.start(Program("one", ("true",), stage=1, patience=1.0, lock=no_lock))  # type: ignore[arg-type]

    status = supervisor.supervise()
    supervisor.print_lines()

    assert status == 1
    assert "no lock today" in output.getvalue()


def test_more_output_than_the_queue_holds_is_printed_whole(supervisor: Supervisor, output: io.StringIO) -> None:
    supervisor.start(python("one", "[print(n) for n in range(20_000)]; import time; time.sleep(60)"))

    printed = after_line(supervisor, output, "| 19999\n")

    assert [int(line.split("| ")[1]) for line in printed.splitlines()] == list(range(20_000))
