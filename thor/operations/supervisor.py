"""Supervise the programs: print what they say, start again what ended, and end everything in order.

One loop in the main thread does all of it; other threads only put lines into its queue. Honcho's printer and
colours are used, not its manager, which ends everything at the first end of one program.
"""

import os
import queue
import signal
import time
from types import FrameType
from typing import TextIO

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from thor.operations.process import MOST_LINES, Lines, ProgramProcess
from thor.operations.programs import Program
from thor.operations.restarts import MOST_ENDS, WITHIN_SECONDS
from thor.timing import SystemClock

#: Seconds between two looks at the programs.
LOOK_SECONDS = 0.1
#: Exit status of a program, and then of `up`, whose configuration cannot be used.
BAD_CONFIGURATION = 2
#: Seconds after which a second Ctrl-C is meant as one.
INSIST_SECONDS = 1.0
OWN_NAME = "thor"


class Supervisor:
    """Run programs until told to end, or until one of them cannot be kept running."""

    def __init__(self, output: TextIO, width: int = 0) -> None:
        """Print to `output`, with room for names of that width; nothing is started yet."""
        self._output = output
        self._lines: Lines = queue.Queue(MOST_LINES)
        self._printer = Printer(output, width=max(width, len(OWN_NAME)))
        self._colours = get_colours()
        self._processes: list[ProgramProcess] = []
        self._status: int | None = None
        self._told_at = 0.0
        self._hurried = False

    @property
    def is_ending(self) -> bool:
        """Tell whether somebody asked for the end, or a program forced it."""
        return self._status is not None

    def obey_signals(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP as the wish to end, a second Ctrl-C as the wish for it at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def start(self, program: Program) -> ProgramProcess:
        """Start a program and look after it from now on."""
        process = ProgramProcess(program, self._lines, next(self._colours))
        self._processes.append(process)
        process.start()
        return process

    def say(self, text: str) -> None:
        """Print lines under Thor's own name; any thread may call this."""
        at = SystemClock().wall().astimezone()
        for line in text.splitlines():
            self._lines.put(Message("line", line, at, OWN_NAME, None))

    def supervise(self) -> int:
        """Look after the programs until the end is asked for; return the exit status, nothing ended yet."""
        while self._status is None:
            self.print_lines(LOOK_SECONDS)
            for process in self._processes:
                self._look_after(process)
        return self._status

    def end_all(self) -> None:
        """End every program, stage by stage, and kill what does not end in its time; nothing is left."""
        for stage in sorted({process.program.stage for process in self._processes}):
            self._end([process for process in self._processes if process.program.stage == stage])
        while any(process.speaks for process in self._processes):
            self.print_lines(LOOK_SECONDS / 2)
        self.print_lines(LOOK_SECONDS)

    def print_lines(self, seconds: float = 0.0) -> None:
        """Print the lines that wait, then wait up to `seconds` for one more."""
        try:
            while True:
                self._print(self._lines.get_nowait())
        except queue.Empty:
            pass
        if seconds:
            try:
                self._print(self._lines.get(timeout=seconds))
            except queue.Empty:
                return

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # `make` and `timeout` may each hand on the same SIGTERM; only a person who insists is in a hurry.
        insists = time.monotonic() - self._told_at > INSIST_SECONDS
        if self._status is not None and number == signal.SIGINT and insists:
            self._hurried = True
        if self._status is None:
            self._status, self._told_at = 0, time.monotonic()

    def _print(self, message: Message) -> None:
        try:
            self._printer.write(message)
        except OSError:
            # The reader of our output has gone; whoever cannot be heard should not go on for ever.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._output.fileno())
            self._status = self._status or 0

    def _look_after(self, process: ProgramProcess) -> None:
        if process.start_due is not None:
            if time.monotonic() >= process.start_due:
                process.kill()
                process.start()
            return
        status = process.poll()
        if status is not None and self._status is None:
            self._answer_end(process, status)

    def _answer_end(self, process: ProgramProcess, status: int) -> None:
        name, now = process.program.name, time.monotonic()
        if status == BAD_CONFIGURATION:
            self.say(f"{name} cannot run with this configuration, it says why above; everything ends.")
            self._status = BAD_CONFIGURATION
            return
        delay = process.restarts.delay_after_end(now)
        if delay is None:
            often = f"{MOST_ENDS} times within {WITHIN_SECONDS:.0f} s"
            self.say(f"{name} {manner(status)}, the last of {often}; everything ends.")
            self._status = 1
            return
        self.say(f"{name} {manner(status)}; it starts again in {delay:.0f} s.")
        process.start_due = now + delay

    def _end(self, processes: list[ProgramProcess]) -> None:
        for process in processes:
            process.tell_to_end()
        while any(process.runs for process in processes):
            self.print_lines(LOOK_SECONDS / 2)
            for process in processes:
                if process.overdue or (self._hurried and process.runs):
                    process.kill()
        for process in processes:
            process.kill()


def manner(status: int) -> str:
    """Say in words how a process ended."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
