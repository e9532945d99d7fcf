"""Show how far a simulation has come: a bar on a terminal, a line a minute elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from thor.operations.simulation import Report, Simulation

#: Seconds of the wall between two lines, and between two movements of the bar.
LINE, MOVE = 60.0, 0.1


@contextmanager
def progress_of(simulation: Simulation, output: TextIO) -> Iterator[Report]:
    """Give what the simulation is to call at each step."""
    if output.isatty():
        with _bar(simulation, output) as report:
            yield report
    else:
        yield _lines(simulation, output)


@contextmanager
def _bar(simulation: Simulation, output: TextIO) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    start, total = simulation.clock.now(), (simulation.end - simulation.clock.now()).total_seconds()
    with Progress(*columns, console=Console(file=output), transient=True, auto_refresh=False) as shown:
        task, moved_at = shown.add_task("", total=total), 0.0

        def report(at: datetime) -> None:
            nonlocal moved_at
            if time.monotonic() >= moved_at + MOVE:
                moved_at = time.monotonic()
                shown.update(task, completed=(at - start).total_seconds(), description=f"{at:%Y-%m-%d %H:%M} UTC")
                shown.refresh()

        yield report


def _lines(simulation: Simulation, output: TextIO) -> Report:
    began = said_at = time.monotonic()

    def report(at: datetime) -> None:
        nonlocal said_at
        now = time.monotonic()
        if now >= said_at + LINE:
            said_at = now
            output.write(f"{at:%Y-%m-%d %H:%M} UTC after {now - began:.0f} s\n")
            output.flush()

    return report
