"""One run of chaos from its seed: `python -m tests.acceptance.chaos.run --seed 7 --occurrences 20000`.

It starts everything, does the faults that the seed chose, mends everything, waits until the dust has settled, and
lets the checker speak. Without the programs of PostgreSQL, or with --sqlite, the house lives on SQLite.
"""

import argparse
import heapq
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.acceptance.chaos.arena import Arena
from tests.acceptance.chaos.checker import Body, History, Line, Row, check
from tests.acceptance.chaos.faults import faults_of
from tests.acceptance.chaos.servers import Postgres
from tests.acceptance.chaos.workload import JOBS, STEADY
from tests.postgres import programs

COLUMNS = (
    "seq, uid, entry, name, state, reason, nominal_at, last_at, due_at, decided_at, started_at, finished_at,"
    " count, term, attempt, hostname, exclusive, repeatable"
)
WARM_UP, PATIENCE = 8.0, 90.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run showed."""

    seed: int
    findings: list[str]
    history: History
    faults: Counter[str]

    @property
    def occurrences(self) -> int:
        """Return how many occurrences the ledger speaks of, those dropped in a row included."""
        return sum(row.count for row in self.history.rows)

    def report(self) -> str:
        """Tell people what happened."""
        states = Counter[str]()
        for row in self.history.rows:
            states[f"{row.state}: {row.reason}" if row.state in ("missed", "skipped") else row.state] += row.count
        lines = [
            f"seed {self.seed}: {self.occurrences} occurrences, {len(self.history.bodies)} bodies, "
            f"{len({term for term, _ in self.history.reigns})} reigns, "
            f"worst gap between starts of a 1 s entry {_worst_gap(self.history):.1f} s",
            "faults: " + ", ".join(f"{number} {name}" for name, number in self.faults.most_common()),
            "states: " + ", ".join(f"{number} {state}" for state, number in states.most_common()),
        ]
        if self.findings:
            lines += [f"FOUND {len(self.findings)}:", *(f"  {finding}" for finding in self.findings[:40])]
            lines += [f"Run it again: make chaos SEED={self.seed} OCCURRENCES={self.occurrences}"]
        return "\n".join(lines)


def chaos(seed: int, occurrences: int, *, on_postgres: bool, entries: int = len(STEADY), keep: bool = False) -> Outcome:
    """Run until about so many occurrences are decided, with faults all the time, and check the result."""
    folder = Path(tempfile.mkdtemp(prefix="thor-chaos-"))
    rng = random.Random(seed)
    with ExitStack() as stack:
        stack.callback(lambda: keep or shutil.rmtree(folder, ignore_errors=True))
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
        faults = _rage(arena, rng, seconds=occurrences / sum(1 / line.period for line in lines))
        horizon = _settle(arena)
        history = replace(_history(arena, lines, horizon or time.time() - PATIENCE), has_recovered=bool(horizon))
        outcome = Outcome(seed, check(history), history, faults)
        if outcome.findings:
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
    arena.edit("identify")
    periods = {**steady, **{name: job[0] for name, job in JOBS.items() if not name.startswith("paused")}}
    found = arena.rows("SELECT id, name, since FROM jobs_entry")
    return [Line(_uuid(key), periods[name], _seconds(since)) for key, name, since in found if name in periods]


def _rage(arena: Arena, rng: random.Random, seconds: float) -> Counter[str]:
    """Do one fault after the other, several at once now and then, for so many seconds."""
    done: Counter[str] = Counter()
    begin, numbers = time.monotonic(), count()
    next_fault = begin + WARM_UP
    steps: list[tuple[float, int, Any]] = []
    while time.monotonic() < begin + WARM_UP + seconds or steps:
        arena.tend()
        if time.monotonic() >= next_fault and time.monotonic() < begin + WARM_UP + seconds:
            number, fault = next(numbers), rng.choice(faults_of(arena))
            done[fault.__name__] += 1
            heapq.heappush(steps, (time.monotonic(), number, fault(arena, random.Random(rng.random()))))
            next_fault += rng.uniform(1.0, 6.0)
        while steps and steps[0][0] <= time.monotonic():
            _, number, fault = heapq.heappop(steps)
            wait = next(fault, None)
            if wait is not None:
                heapq.heappush(steps, (time.monotonic() + wait, number, fault))
        time.sleep(0.05)
    for role in arena.roles.values():
        done.update(f"{role.name.split('-')[0]} {':'.join(step.split(':')[:2])}" for step in role.steps)
    return done


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
    return arena.count(f"SELECT count(*) FROM jobs_run WHERE state = 'succeeded' AND nominal_at > '{_text(at)}'")


def _alive_before(arena: Arena, at: float) -> int:
    query = "SELECT count(*) FROM jobs_run WHERE state IN ('due', 'started')"
    return arena.count(f"{query} AND nominal_at <= '{_text(at)}'")


def _history(arena: Arena, lines: list[Line], horizon: float) -> History:
    bodies = _bodies(arena.log_path)  # before the ledger: what runs now has its claim there already
    rows = [_row(values) for values in arena.rows(f"SELECT {COLUMNS} FROM jobs_run ORDER BY seq")]
    # Before anybody led for the first time, nobody could decide.
    first = rows[0].decided_at
    lines = [replace(line, since=max(line.since, first)) for line in lines]
    reigns = [
        (int(term), holder)
        for role in arena.beats()
        for term, holder in re.findall(r"thor\.lease\.gained term=(\d+) holder=(\S+)", arena.log(role.name))
    ]
    return History(rows, bodies, arena.faults, lines, reigns, horizon, arena.crashes)


def _row(values: tuple[Any, ...]) -> Row:
    names = [name.strip() for name in COLUMNS.replace("hostname", "worker").split(",")]
    found = dict(zip(names, values, strict=True))
    for name in ("nominal_at", "last_at", "due_at", "decided_at", "started_at", "finished_at"):
        found[name] = None if found[name] is None else _seconds(found[name])
    found["uid"], found["entry"] = _uuid(found["uid"]), _uuid(found["entry"])
    found["worker"] = found["worker"].split("@")[0]
    return Row(**{**found, "exclusive": bool(found["exclusive"]), "repeatable": bool(found["repeatable"])})


def _bodies(path: Path) -> list[Body]:
    """Return each start with its end: of the same run, by the same process."""
    open_bodies: dict[tuple[str, str], float] = {}
    found: list[Body] = []
    for line in path.read_text().splitlines():
        uid, event, at, pid = line.split()
        if event == "start":
            open_bodies[uid, pid] = float(at)
        elif (uid, pid) in open_bodies:
            found.append(Body(UUID(uid), open_bodies.pop((uid, pid)), float(at)))
    return found + [Body(UUID(uid), start, None) for (uid, _), start in open_bodies.items()]


def _worst_gap(history: History) -> float:
    """Return the longest time between the starts of two successive bodies of an entry that is due each second."""
    fast = {line.entry for line in history.lines if line.period == 1}
    entries = {row.uid: row.entry for row in history.rows if row.entry in fast and not row.exclusive}
    starts: dict[UUID, list[float]] = {}
    for body in history.bodies:
        if body.uid in entries:
            starts.setdefault(entries[body.uid], []).append(body.start)
    gaps = [after - before for times in starts.values() for before, after in pairwise(sorted(times))]
    return max(gaps, default=0.0)


def _seconds(value: Any) -> float:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ")


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def main() -> int:
    """Run once and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="what chooses the faults; a new one where left out")
    parser.add_argument("--occurrences", type=int, default=20_000, help="about how many to decide")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite, without the faults of PostgreSQL")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    on_postgres = programs() is not None and not given.sqlite
    outcome = chaos(seed, given.occurrences, on_postgres=on_postgres, keep=given.keep)
    sys.stdout.write(outcome.report() + "\n")
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
