"""Let the desk trade for some weeks in virtual time, in one process or in many that are killed one after the other.

    python -c "import django; django.setup(); from tests.acceptance.paper_run import main; main()" FOLDER --lean …

The ledger, the jobs, the services, the paper broker and the journal are the product's own, on a database in FOLDER;
the world around them is `paper_world`. A step is what `thor.operations.simulation` does in one: publish, decide, carry
out. The parent makes the world once and forks a child that lives in it. A child that was told so kills itself, with
SIGKILL, at a place of the protocol; the parent then does what a worker's parent does (it tells the ledger that the
process is gone) and forks the next one, at the instant at which the dead one stood.

Written to FOLDER: journal.jsonl, orders.json, report.json; the places that were passed, in trace.txt.
"""

import argparse
import gc
import io
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management import call_command
from django.db import connections
from django.db.models.functions import Now

from tests.acceptance.paper_deaths import MICROSECOND, SCHEDULER, Death, Places, Standing, watch
from tests.acceptance.paper_left import left
from tests.acceptance.paper_world import world_of
from thor.drivers.lead import Lead
from thor.jobs import ledger, workers
from thor.jobs.inline import Inline
from thor.jobs.models import Run, State
from thor.jobs.protocol import BENCH, HANDS, HeartbeatContext, JobRegistry
from thor.jobs.sync import sync_jobs
from thor.leadership import term
from thor.leadership.clock import live_by, process_clock
from thor.leadership.seat import HEARTBEAT
from thor.operations import simulate
from thor.operations.management.commands.run_heartbeat import load_jobs
from thor.operations.simulation import Desk, name_entries
from thor.timing import SteppedClock

#: Seconds of the wall for which a step may take to come to rest.
PATIENCE: Final = 120.0


class Life:
    """One process that lives in the world from an instant on."""

    def __init__(self, world: Any, standing: Standing, places: Places) -> None:
        """Begin a reign, as `run_heartbeat` does; nothing is decided yet."""
        self.world, self.standing, self.places, self.waits = world, standing, places, True
        self.clock = process_clock()
        self.bench, self.registry = Desk(), JobRegistry()
        load_jobs(self.registry)
        self.context = HeartbeatContext(logging.getLogger("paper"), {BENCH: self.bench, HANDS: Inline("paper")})
        wall, now = self.clock.wall(), self.clock.now()
        reign = term.raise_term("paper", at=wall, now=now, seat=HEARTBEAT, starts_system=True)
        self.lead = Lead(reign, carrier=self.bench, clock=self.clock)

    def live(self) -> None:
        """Go through the instants of the world, from where the one before has stood."""
        for at in [self.standing.at, *self.world.instants(self.standing.at)]:
            self._step(at)

    def _step(self, at: datetime) -> None:
        self.clock.step(at)
        self.standing.at = at
        self.world.publish(at)
        if self.waits:
            self._come_again(at)
        end = time.monotonic() + PATIENCE
        while True:
            self.places.enter(f"{SCHEDULER} {at.isoformat()}")
            self.lead.turn()
            self.places.enter("")
            self.registry.run_pending(self.context)
            due = list(Run.objects.filter(state=State.DUE))
            self.waits = bool(due)
            if all(run.not_before for run in due):
                return
            if time.monotonic() > end:
                raise RuntimeError(f"at {at} nobody carries out {', '.join(map(str, due))}")
            self.lead.announce()

    def _come_again(self, at: datetime) -> None:
        """Let what was put off come again, since the ledger waits by the wall, or be too late by virtual time."""
        for run in Run.objects.filter(state=State.DUE, not_before__isnull=False):
            room = run.deadline_at - run.due_at
            late = {"deadline_at": Now() - timedelta(seconds=5)} if at > run.nominal_at + room else {}
            Run.objects.filter(seq=run.seq).update(not_before=None, **late)
        self.lead.announce()


def forked(world: Any, standing: Standing, deaths: Mapping[int, Death], trace: Path) -> int:
    """Live on in a child from where the last one stood; return its status: 0, or minus the signal that killed it."""
    connections.close_all()
    sys.stdout.flush()
    standing.death = -1
    pid = os.fork()
    if pid == 0:
        _be_child(world, standing, deaths, trace)
    outside = [(number, death) for number, death in deaths.items() if not death.number]
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG if outside else 0)
        if ended:
            return os.waitstatus_to_exitcode(status)
        number, death = min(outside, key=lambda one: one[1].instant)
        if standing.at >= death.instant and standing.death < 0:
            time.sleep(death.milliseconds / 1000)
            standing.death = number
            os.kill(pid, signal.SIGKILL)
            outside = []
        time.sleep(0.001)


def _be_child(world: Any, standing: Standing, deaths: Mapping[int, Death], trace: Path) -> None:
    # Only who dies nowhere writes down the places: they are those of the run that nobody disturbs.
    by_place = {death.place: number for number, death in deaths.items() if death.number}
    places = Places(by_place, standing, trace=None if trace.exists() else [])
    status = 1
    try:
        watch(places)
        with live_by(SteppedClock(standing.at, timedelta(minutes=1))):
            Life(world, standing, places).live()
        if places.trace is not None:
            trace.write_text("\n".join(places.trace))
        connections.close_all()
        status = 0
    except BaseException:
        logging.getLogger("paper").exception("the run has failed")
    finally:
        logging.shutdown()
        os._exit(status)


def end_of_the_dead() -> list[str]:
    """Tell the ledger, as a worker's parent does, that the process which had begun runs is gone; return their names."""
    begun = list(Run.objects.filter(state=State.STARTED, worker=workers.boot()))
    for run in begun:
        ledger.lose(run.uid, "the process was killed", worker=workers.boot())
    return [f"{run.name}, attempt {run.attempt}" for run in begun]


def carried_out(folder: Path, world: Any, deaths: Sequence[Death]) -> dict[str, Any]:
    """Live in the world to its end, however often that takes; return what came of it."""
    began = time.monotonic()
    standing, died, left_over = Standing(world.start), [], dict(enumerate(deaths))
    trace = folder / "trace.txt"
    if deaths:
        trace.touch()
    gc.freeze()
    while True:
        workers.boot.cache_clear()
        workers.boot()
        status = forked(world, standing, left_over, trace)
        if status == 0:
            break
        if status != -signal.SIGKILL:
            raise SystemExit(f"a process ended with {status} at {standing.at}")
        death = left_over.pop(standing.death)
        died.append({**asdict(death), "at": standing.at.isoformat(), "lost": end_of_the_dead()})
    report = {**left(folder), "died": died, "survived": len(left_over), "seconds": round(time.monotonic() - began, 1)}
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    return report


def furnish(lean: Path, first: date, count: int) -> Any:
    """Make tables, lines of jobs, and the world; return that."""
    call_command("migrate", interactive=False, verbosity=0, stdout=io.StringIO())
    world = world_of(lean, first, count)
    with live_by(SteppedClock(world.start, timedelta(minutes=1))):
        world.prepare()
        load_jobs(JobRegistry())
        sync_jobs(at=world.start - MICROSECOND)
        name_entries()
    return world


def main() -> None:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lean", type=Path, required=True)
    parser.add_argument("--first", type=date.fromisoformat, required=True)
    parser.add_argument("--sessions", type=int, default=15)
    parser.add_argument("--deaths", type=Path, help="a file with a list of deaths as JSON")
    wanted = parser.parse_args()
    deaths = [Death(**one) for one in json.loads(wanted.deaths.read_text())] if wanted.deaths else []
    with simulate.valkey():
        report = carried_out(wanted.folder, furnish(wanted.lean, wanted.first, wanted.sessions), deaths)
    print(json.dumps(report))  # noqa: T201 - a script
