"""Carry one program in a process: start it, read its lines, tell it to end, leave nothing of it behind."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time

from honcho.printer import Message

from thor.env import BASE_DIR
from thor.errors import ThorError
from thor.operations.programs import Program, surroundings
from thor.operations.restarts import Restarts
from thor.timing import SystemClock

#: Lines that wait to be printed; a program that writes faster than the terminal reads has to wait.
MOST_LINES = 5_000
#: So long the last lines of a program that has ended are waited for: what it left behind may hold its output open.
LAST_WORDS_SECONDS = 2.0
Lines = queue.Queue[Message]


class ProgramProcess:
    """One program and the process that carries it now, if one does."""

    def __init__(self, program: Program, lines: Lines, colour: str) -> None:
        """Take the program and the queue into which its lines go; nothing is started yet."""
        self.program = program
        self.restarts = Restarts()
        self.start_due: float | None = None
        self._lines = lines
        self._colour = colour
        self._process: subprocess.Popen[bytes] | None = None
        self._not_started = False
        self._told_to_end_at = 0.0
        self._reader: threading.Thread | None = None
        self._ended_at: float | None = None

    def start(self) -> None:
        """Start the program in a session of its own, bound to the life of this process."""
        self.start_due = None
        started = threading.Event()
        # The kernel binds a child to the life of the *thread* that started it, so that one stays with it.
        self._reader = threading.Thread(target=self._carry, args=(started,), name=self.program.name, daemon=True)
        self._ended_at = None
        self._reader.start()
        started.wait()

    def poll(self) -> int | None:
        """Return the exit status of a process that has ended and was heard, 1 if none could be started, else None."""
        if self._not_started:
            return 1
        return self._process.poll() if self._process and not self.speaks else None

    @property
    def speaks(self) -> bool:
        """Tell whether lines of the program may still come: it runs, or its last ones are being read."""
        if self.runs or self._reader is None or not self._reader.is_alive():
            return self.runs
        self._ended_at = self._ended_at or time.monotonic()
        return time.monotonic() - self._ended_at < LAST_WORDS_SECONDS

    @property
    def runs(self) -> bool:
        """Tell whether the program has a process now."""
        return self._process is not None and self._process.poll() is None

    def tell_to_end(self) -> None:
        """Send SIGTERM, to the program itself: its own children are its business."""
        self._told_to_end_at = time.monotonic()
        if self.runs and self._process:
            self._process.send_signal(signal.SIGTERM)

    @property
    def overdue(self) -> bool:
        """Tell whether the program was told to end and has had its time."""
        return self.runs and time.monotonic() - self._told_to_end_at > self.program.patience

    def kill(self) -> None:
        """Kill what is left of the program: every process of its group."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # Nobody is left; macOS says so in its own way.

    def _carry(self, started: threading.Event) -> None:
        try:
            self._process = self._launch()
            self._not_started = False
        except (ThorError, OSError) as error:
            self._not_started = True
            self._write(str(error))
        finally:
            started.set()
        if not self._not_started and self._process:
            for line in self._process.stdout or ():
                self._write(line)
            self._process.wait()

    def _write(self, line: str | bytes) -> None:
        at = SystemClock().wall().astimezone()
        self._lines.put(Message("line", line, at, self.program.name, self._colour))

    def _launch(self) -> "subprocess.Popen[bytes]":
        launcher = [sys.executable, "-m", "thor.operations.child", str(os.getpid())]
        with self.program.lock() as lock:
            return subprocess.Popen(  # noqa: S603  (our own command lines)
                [*launcher, *self.program.command],
                cwd=BASE_DIR,
                env=surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
            )
