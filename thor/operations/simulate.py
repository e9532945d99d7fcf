"""Prepare a simulation: a process and a folder of its own, so that it never touches an installation.

`manage.py simulate` checks what it was asked, makes a temporary folder and becomes itself once more, there, with

    the database    SQLite in memory: the real ledger and its real statements, gone with the process
    Redis           an embedded Valkey in the folder, which ends with the process, however that ends
    the clock       one that is set in steps (`timing.SteppedClock`)
    everything else as it comes in the box; of this installation's configuration only what is named in `KEPT`
"""

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.core.management import call_command
from django.db import connection

from thor import embedded
from thor.env import BASE_DIR, env
from thor.errors import BadConfiguration
from thor.jobs.forecast import BadQuestion, Forecast, day_of, forecast
from thor.jobs.protocol import JobRegistry
from thor.jobs.sync import sync_jobs
from thor.leadership.clock import live_by
from thor.marketdata.feeds.choice import SIMULATED_PAST
from thor.marketdata.feeds.port import Feed, FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.feeds.simulated_days import store_simulated_days
from thor.marketdata.selectors.instruments import known_aliases, traded
from thor.markets import registry
from thor.markets.models import Market
from thor.operations.demo import on_paper
from thor.operations.management.commands.run_heartbeat import load_jobs
from thor.operations.simulation import WARM_UP, Simulation, name_entries
from thor.timing import SteppedClock
from thor.timing.instants import MICROSECOND

#: What is kept of the configuration: which jobs there are, hours that people corrected, recordings.
KEPT = (
    "THOR_JOBS", "THOR_IMPORTS", "THOR_MARKET_OVERRIDES", "THOR_FEED_SILENCE",
    "THOR_TRADING_MARKET", "THOR_UNIVERSE", "THOR_STRATEGIES",
)  # fmt: skip
#: Addresses that nobody answers: a simulation asks no broker.
NOWHERE = "http://127.0.0.1:9"
IN_MEMORY = "sqlite://:memory:"
#: The calendars that were read, kept between processes: reading them takes seconds.
CALENDARS = "sessions"


def become(folder: Path, arguments: Sequence[str], *, files: str, verbose: bool) -> None:
    """Become the process that simulates in `folder`; does not return."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), "simulate", *arguments, "--inside", str(folder)]
    sys.stdout.flush()
    os.execve(command[0], command, surroundings(folder, files=files, verbose=verbose))  # noqa: S606  (no shell)


def new_folder() -> Path:
    """Make the folder, with the calendars that this installation has read."""
    folder = Path(tempfile.mkdtemp(prefix="thor-simulation-"))
    known = env().var_dir.absolute() / CALENDARS
    if known.is_dir():
        shutil.copytree(known, folder / CALENDARS)
    return folder


def surroundings(folder: Path, *, files: str, verbose: bool) -> dict[str, str]:
    """Return the environment of the simulation."""
    own = ("THOR_", "FLOWER_", "APCA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own) or name in KEPT}
    return {
        **kept,
        "DATABASE_URL": IN_MEMORY,
        "REDIS_URL": "embedded",
        "THOR_BROKER_URL": "embedded",
        "THOR_VAR_DIR": str(folder),
        "THOR_CLOCK": "replay",
        "THOR_REPLAY_START": "2000-01-01T00:00:00+00:00",  # the clock of the simulation is set by itself
        "THOR_REPLAY_SPEED": "1",
        "THOR_SCHEDULER_MODE": "heartbeat",
        "THOR_FEED": "replay" if files else "simulated",
        **({"THOR_REPLAY_FILES": files} if files else {}),
        "THOR_LOG_LEVEL": "info" if verbose else "error",
        "THOR_DEBUG": "0",
        **on_paper(folder),
        "APCA_API_BASE_URL": NOWHERE,
        "THOR_ALPACA_DATA_URL": NOWHERE,
    }


def require_inside(folder: Path) -> None:
    """Refuse to simulate anywhere but in a folder and a database that were made for it."""
    database = connection.settings_dict["NAME"]
    if env().var_dir != folder or database != ":memory:":
        raise BadConfiguration("--inside is for manage.py simulate itself; leave it out.")


@contextmanager
def valkey() -> Iterator[None]:
    """Run an embedded server that ends with this process, even where that is killed."""
    launcher = [sys.executable, "-m", "thor.operations.child", str(os.getpid())]
    # Nothing of it is wanted afterwards, so nothing is written to the disk.
    command = [*launcher, *embedded.command(embedded.socket_path()), "--appendonly", "no"]
    with embedded.ownership() as lock:
        process = subprocess.Popen(  # noqa: S603  (the binary of an installed package, our own options)
            command, cwd=BASE_DIR, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, pass_fds=(lock,),
        )  # fmt: skip
    try:
        embedded.wait_until_ready(embedded.socket_path(), lambda: process.poll() is not None)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be simulated: a date of UTC, or of the market's zone; the whole of it, or from a time until another.

    `tick` is in virtual seconds.
    """

    day: date
    market: str | None = None
    start: time | None = None
    end: time | None = None
    tick: float = 300.0
    seed: int = 1

    def bounds(self, zone: str) -> tuple[datetime, datetime]:
        """Return the stretch [start, end) in UTC; raise `BadQuestion` where that is none."""
        whole = day_of(self.day, zone)
        start, end = (_at(self.day, at, zone) for at in (self.start, self.end))
        found = (start or whole.start, end or whole.end)
        if found[0] >= found[1]:
            raise BadQuestion(f"--from {self.start:%H:%M} is not before --until; write the earlier time first.")
        return found


def _at(day: date, at: time | None, zone: str) -> datetime | None:
    return None if at is None else datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A simulation that is ready to run, and the plan of its day."""

    simulation: Simulation
    planned: Forecast


def prepare(wanted: Wanted, stop: threading.Event) -> Prepared:
    """Make the tables and the rows of the box, the lines of all jobs, the feeds and the clock."""
    call_command("migrate", interactive=False, verbosity=0, stdout=io.StringIO())
    if wanted.market is not None:
        leave_only(wanted.market)
    zone = registry.market(wanted.market).zone if wanted.market else "UTC"
    start, end = wanted.bounds(zone)
    clock = SteppedClock(start - WARM_UP, timedelta(seconds=wanted.tick))
    jobs = JobRegistry()
    with live_by(clock):
        load_jobs(jobs)
        sync_jobs(at=clock.now() - MICROSECOND)
        if not env().replay_files:
            give_days(clock.now(), wanted.seed)
        name_entries()
        simulation = Simulation(clock, start, end, jobs, feeds(wanted.seed), stop=stop)
        return Prepared(simulation, forecast(wanted.day, zone=zone))


def give_days(before: datetime, seed: int) -> None:
    """Give simulated shares the days that their feed would have had until the simulation begins."""
    for venue in SIMULATED_PAST:
        store_simulated_days(venue, before=before, seed=seed)


def leave_only(key: str) -> None:
    """Switch every other market off; a control market keeps the venues, whose prices it is about."""
    row = registry.market(key)
    others = Market.objects.exclude(key=key)
    if row.role == Market.Role.CONTROL:
        others = others.filter(role=Market.Role.CONTROL)
    others.update(active=False)
    registry.forget()


def feeds(seed: int) -> list[Feed]:
    """Open the feeds of every active venue: simulated, or recordings where some are given."""
    venues = list(Market.objects.filter(role=Market.Role.VENUE, active=True).values_list("key", flat=True))
    files = [name for name in env().replay_files.split(",") if name.strip()]
    request = FeedRequest(files=files, seed=seed, instruments=traded(venues), aliases=known_aliases())
    return open_feeds(env().feed, request, venues=venues)


def keep_database(folder: Path) -> Path:
    """Write the database of this process to a file, and return it."""
    path = folder / "thor.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    return path
