"""One run of chaos from its seed: `python -m tests.acceptance.chaos.run --seed 7 --occurrences 20000`.

It starts everything, does the faults that the seed chose, mends everything, waits until the dust has settled, and
lets the checker speak. Without the programs of PostgreSQL, or with --sqlite, the house lives on SQLite.
"""

import argparse
import heapq
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from tests.acceptance.chaos.arena import Arena
from tests.acceptance.chaos.checker import RECOVERY, WATCHED, Line, Overload, check
from tests.acceptance.chaos.faults import faults_of, left_out
from tests.acceptance.chaos.history import read_history, seconds_of, text, uuid_of
from tests.acceptance.chaos.report import Outcome
from tests.acceptance.chaos.servers import Postgres
from tests.acceptance.chaos.workload import CROWD, JOBS, STEADY
from tests.postgres import programs

WARM_UP, PATIENCE = 8.0, 240.0
#: How long faults come until the next overload, how long that lasts, and how often the processes are looked after.
PHASE, OVERLOAD, TURN = 240.0, 10.0, 0.05
#: A machine that stands still for so long delays runs by itself: what comes after an overload is watched anew, but not
#: for ever.
PAUSE, WATCHES = 1.0, 5


def chaos(seed: int, occurrences: int, *, on_postgres: bool, entries: int = len(STEADY), keep: bool = False) -> Outcome:
    """Run until about so many occurrences are decided, with faults all the time, and check the result.

    The folder with all logs and the ledger is kept where something was found, or with `keep`.
    """
    folder = Path(tempfile.mkdtemp(prefix="thor-chaos-"))
    rng = random.Random(seed)
    again = f"--seed {seed} --occurrences {occurrences} --lines {entries}{'' if on_postgres else ' --sqlite'}"
    with ExitStack() as rubbish, ExitStack() as stack:
        if not keep:
            rubbish.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = None
        if on_postgres:
            postgres = Postgres(_programs())
            stack.callback(postgres.close)
        arena = Arena(folder, postgres, rng)
        stack.callback(arena.close)
        steady = dict(list(STEADY.items())[:entries])
        lines = _prepare(arena, steady)
        for role in arena.roles.values():
            arena.launch(role)
        begin = time.monotonic()
        faults, overloads = _rage(arena, rng, seconds=occurrences / sum(1 / line.period for line in lines))
        raged = time.monotonic() - begin
        horizon = _settle(arena)
        history = read_history(arena, lines, horizon or time.time() - PATIENCE)
        history = replace(history, has_recovered=bool(horizon), overloads=overloads)
        outcome = Outcome(seed, check(history), history, faults, _armed(arena), raged, left_out(arena), again, folder)
        if outcome.findings:
            rubbish.pop_all()
        (folder / "ledger.txt").write_text("\n".join(map(str, history.rows)))
        (folder / "report.txt").write_text(outcome.report())
    return outcome


def _programs() -> Path:
    found = programs()
    assert found is not None, "PostgreSQL is not installed; run with --sqlite"
    return found


def _prepare(arena: Arena, steady: dict[str, int]) -> list[Line]:
    """Make the tables and the lines; return those that no fault edits."""
    arena.prepare()
    for number in range(8):
        arena.edit("create", f"edited_{number}", 1)
    for name, period in steady.items():
        arena.edit("create", name, period)
    arena.edit("gather", CROWD if arena.postgres else CROWD // 2)
    arena.edit("identify")
    periods = {**steady, **{name: job[0] for name, job in JOBS.items() if not name.startswith("paused")}}
    found = arena.rows("SELECT id, name, since FROM jobs_entry")
    return [Line(uuid_of(key), periods[name], seconds_of(since)) for key, name, since in found if name in periods]


def _rage(arena: Arena, rng: random.Random, seconds: float) -> tuple[Counter[str], list[Overload]]:
    """Do faults for so many seconds, with an overload after each phase of them; return what was done."""
    done: Counter[str] = Counter()
    overloads: list[Overload] = []
    phases = math.ceil(seconds / PHASE)
    _pass_time(arena, WARM_UP)
    for _ in range(phases):
        done += _do_faults(arena, rng, seconds / phases)
        overloads.append(_overload(arena))
    return done + Counter({"worker gave up by itself": arena.gave_up}), overloads


def _armed(arena: Arena) -> Counter[str]:
    """Count the starts of processes that were to end or to freeze at a step; not each comes to it."""
    names = (f"{role.name.split('-')[0]} {step}" for role in arena.roles.values() for step in role.steps)
    return Counter(name.rpartition(":")[0] for name in names)


def _do_faults(arena: Arena, rng: random.Random, seconds: float) -> Counter[str]:
    """Do one fault after the other, several at once now and then; return when the last is mended."""
    done: Counter[str] = Counter()
    numbers, steps = count(), list[tuple[float, int, Any]]()
    next_fault = time.monotonic()
    end = next_fault + seconds
    while time.monotonic() < end or steps:
        _pass_time(arena, TURN)
        if next_fault <= time.monotonic() < end:
            number, fault = next(numbers), rng.choice(faults_of(arena))
            done[fault.__name__] += 1
            heapq.heappush(steps, (time.monotonic(), number, fault(arena, random.Random(rng.random()))))
            next_fault += rng.uniform(1.0, 6.0)
        while steps and steps[0][0] <= time.monotonic():
            _, number, fault = heapq.heappop(steps)
            wait = next(fault, None)
            if wait is not None:
                heapq.heappush(steps, (time.monotonic() + wait, number, fault))
    return done


def _overload(arena: Arena) -> Overload:
    """Let far more fall due than the workers can do, and nothing else happen until all should be well again."""
    arena.calm()
    _switch_crowd(arena, True)
    begin = time.time()
    _pass_time(arena, OVERLOAD)
    _switch_crowd(arena, False)
    for _ in range(WATCHES):
        arena.tend()  # what took long before is no pause of the machine
        end, arena.longest_pause = time.time(), 0.0
        _pass_time(arena, RECOVERY + WATCHED)
        if arena.longest_pause < PAUSE:
            break
    arena.is_calm = False
    return Overload(begin, end)


def _switch_crowd(arena: Arena, enabled: bool) -> None:
    while not arena.edit("crowd", enabled):  # its connection may be one that a fault broke
        _pass_time(arena, TURN)


def _pass_time(arena: Arena, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        arena.tend()
        time.sleep(TURN)


def _settle(arena: Arena) -> float:
    """Mend everything; wait until lines run again and all decided before has ended. Return when they ran, or 0."""
    arena.calm()
    begin = time.time()
    deadline = time.monotonic() + PATIENCE
    horizon = 0.0
    while time.monotonic() < deadline:
        arena.tend()
        time.sleep(0.5)
        if not horizon and _runs_since(arena, begin + 5) >= 30:
            horizon = time.time()
        if horizon and not _alive_before(arena, horizon):
            return horizon
    return horizon


def _runs_since(arena: Arena, at: float) -> int:
    return arena.count(f"SELECT count(*) FROM jobs_run WHERE state = 'succeeded' AND nominal_at > '{text(at)}'")


def _alive_before(arena: Arena, at: float) -> int:
    query = "SELECT count(*) FROM jobs_run WHERE state IN ('due', 'started')"
    return arena.count(f"{query} AND nominal_at <= '{text(at)}'")


def main() -> int:
    """Run once and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="what chooses the faults; a new one where left out")
    parser.add_argument("--occurrences", type=int, default=20_000, help="about how many to decide")
    parser.add_argument("--lines", type=int, default=len(STEADY), help="how many lines beside the jobs nobody edits")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite, without the faults of PostgreSQL")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    on_postgres = programs() is not None and not given.sqlite
    outcome = chaos(seed, given.occurrences, on_postgres=on_postgres, entries=given.lines, keep=given.keep)
    sys.stdout.write(outcome.report() + "\n")
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
