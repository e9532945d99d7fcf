"""Run a day in virtual time: `manage.py simulate`."""

import json
import shutil
import signal
import sys
import threading
import time
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from datetime import time as clock_time
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from thor.env import env
from thor.errors import ThorError
from thor.jobs.forecast import Forecast, read_date
from thor.leadership.clock import live_by
from thor.markets.box import BOX
from thor.markets.registry import UnknownMarket
from thor.operations import simulate, simulated_ledger
from thor.operations.simulate import Wanted
from thor.operations.simulated_progress import progress_of
from thor.operations.simulation import Simulation

#: Width of the table where nobody says how wide the terminal is.
WIDTH = 132


class Command(BaseCommand):
    """Simulate a day in a process and a folder of its own, and print what the ledger says of it."""

    help = (
        "Run a day of all jobs in virtual time: in one process, on simulated prices, without touching this "
        "installation. Example: manage.py simulate --date 2026-11-27"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what can be asked."""
        parser.add_argument("--date", required=True, help="which day, of UTC or of the market's zone: 2026-11-27")
        parser.add_argument("--from", dest="start", type=_time, metavar="HH:MM", help="not before this time of the day")
        parser.add_argument("--until", dest="end", type=_time, metavar="HH:MM", help="only until this time of the day")
        parser.add_argument("--speed", type=_speed, help="virtual seconds a second of the wall, or max (the default)")
        parser.add_argument("--tick", type=_tick, default=300.0, metavar="S", help="virtual seconds of a step (300)")
        parser.add_argument("--market", help="only this market; a control market brings the venues with it")
        parser.add_argument("--seed", type=_seed, default=1, help="which prices are made up (1)")
        parser.add_argument("--files", nargs="+", default=[], help="recordings instead; default THOR_REPLAY_FILES")
        parser.add_argument("--keep", action="store_true", help="keep the folder, with the database in it")
        parser.add_argument("--json", action="store_true", help="print everything as JSON")
        parser.add_argument("--inside", type=Path, help=SUPPRESS)

    def handle(self, **options: Any) -> None:
        """Check, and become the simulation; or be it. Status 2 for what cannot be simulated, 130 after Ctrl-C."""
        try:
            if options["inside"] is None:
                _refuse(_wanted(options))
                files = ",".join(options["files"]) or env().replay_files
                simulate.become(simulate.new_folder(), sys.argv[2:], files=files, verbose=options["verbosity"] > 1)
            simulate.require_inside(options["inside"])
            status = self._be(options["inside"], options)
        except ThorError as error:
            raise CommandError(f"simulate: {error}", returncode=2) from None
        if status:
            sys.exit(status)

    def _be(self, folder: Path, options: dict[str, Any]) -> int:
        end = End()
        try:
            with simulate.valkey():
                self._simulate(folder, options, end)
        except KeyboardInterrupt:
            self.stderr.write("Stopped before it began.")
        finally:
            if options["keep"]:
                self.stderr.write(f"The folder is kept: {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
        return end.status

    def _simulate(self, folder: Path, options: dict[str, Any], end: "End") -> None:
        began = time.monotonic()
        found = simulate.prepare(_wanted(options), end.wanted)
        found.simulation.speed = options["speed"]
        end.is_soft = True
        ready = time.monotonic()
        with live_by(found.simulation.clock), progress_of(found.simulation, sys.stderr) as report:
            found.simulation.run(report)
        seconds = {"seconds_to_prepare": ready - began, "seconds": time.monotonic() - ready}
        self._print(found.planned, found.simulation, seconds, options)
        if options["keep"]:
            simulate.keep_database(folder)

    def _print(
        self, planned: Forecast, simulation: Simulation, seconds: dict[str, float], options: dict[str, Any]
    ) -> None:
        found = simulated_ledger.summary(planned, simulation.start, simulation.end)
        now, stopped = simulation.clock.now(), simulation.stop.is_set()
        factor = (now - simulation.clock.start).total_seconds() / seconds["seconds"]
        if options["json"]:
            said = {"date": planned.date.isoformat(), "zone": planned.zone, "until": now.isoformat()}
            said |= {name: options[name] for name in ("seed", "tick")} | {"steps": simulation.steps}
            said |= {name: round(value, 2) for name, value in seconds.items()} | {"factor": round(factor)}
            self.stdout.write(json.dumps({**said, "complete": not stopped, **found.plain()}, indent=2))
            return
        width = None if sys.stdout.isatty() else WIDTH
        Console(file=sys.stdout, width=width).print(simulated_ledger.table(found))
        if stopped:
            self.stdout.write(f"Stopped at {now:%Y-%m-%d %H:%M} UTC: the day is not complete.")
        for line in found.lines():
            self.stdout.write(line)
        self.stdout.write(
            f"{seconds['seconds']:.1f} s on the wall, {factor:,.0f} times as fast as the day, in {simulation.steps:,} "
            f"steps; {seconds['seconds_to_prepare']:.1f} s to prepare."
        )


class End:
    """The wish to end, by SIGTERM or Ctrl-C: at once, or after the step in hand once the simulation runs."""

    def __init__(self) -> None:
        """Take the signals."""
        self.wanted, self.is_soft, self.status = threading.Event(), False, 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.status = self.status or 128 + number
        self.wanted.set()
        if not self.is_soft:
            raise KeyboardInterrupt


def _wanted(options: dict[str, Any]) -> Wanted:
    names = ("market", "start", "end", "tick", "seed")
    return Wanted(read_date(options["date"]), **{name: options[name] for name in names})


def _refuse(wanted: Wanted) -> None:
    """Refuse a date that no calendar covers, a market that is not in the box, and hours that are none."""
    zones = {boxed.key: boxed.zone for boxed in BOX}
    if wanted.market is not None and wanted.market not in zones:
        raise UnknownMarket(f"{wanted.market!r} is no market of the box; write one of {', '.join(zones)}.")
    wanted.bounds(zones[wanted.market] if wanted.market else "UTC")


def _time(text: str) -> clock_time:
    try:
        return clock_time.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time of the day; write hours and minutes, for example 14:30") from None


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    return _number(text, 0.1, 1_000_000, "no speed; write max, or virtual seconds a second, for example 600")


def _tick(text: str) -> float:
    return _number(text, 1, 3600, "no tick; write seconds between 1 and 3600")


def _seed(text: str) -> int:
    return int(_number(text, 0, 2**31, "no seed; write a whole number from 0 on"))


def _number(text: str, least: float, most: float, sentence: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise ArgumentTypeError(f"{text!r} is {sentence}")
    return number
