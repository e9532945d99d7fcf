"""The processes of one run, on wires that can be cut; what ends is started again, what ended by itself is noted."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.acceptance.chaos.checker import WorkerFault
from tests.acceptance.chaos.machineclock import MachineClock, library
from tests.acceptance.chaos.proxy import Wire, Wires
from tests.acceptance.chaos.servers import Forgetful, Postgres
from tests.acceptance.house import ROOT, House
from thor.leadership.elector import boottime

BEATS, WORKERS = ("beat-1", "beat-2"), ("worker-1", "worker-2", "worker-3")
#: Two workers that somebody gave one name; all processes share the host's.
SAME_NAME = {"worker-3": "worker-2"}
PROCESSES = 3
#: Where a scheduler and a worker can be made to end, and how often such a step is passed at most before that.
BEAT_STEPS, WORKER_STEPS = ("planned", "decided", "sending", "published"), ("claimed", "finishing")
#: Long enough for a lease to expire while its holder is frozen.
FREEZE = 3.0
#: Two looks at clocks that are no further apart count as one.
SAME_MOMENT = 0.0005


@dataclass
class Role:
    """A process that is kept running: its wires, its current start, and what was done to it."""

    name: str
    wires: dict[str, Wire]
    clock: MachineClock | None = None
    process: subprocess.Popen[bytes] | None = None
    is_armed: bool = False
    is_doomed: bool = False
    frozen_since: float | None = None
    launched_at: float = 0.0
    steps: list[str] = field(default_factory=list)

    @property
    def node(self) -> str:
        """Return the name under which it is known to others."""
        return SAME_NAME.get(self.name, self.name)


class Arena(House):
    """A house whose servers and wires can fail. Without `postgres` it lives on SQLite."""

    def __init__(self, folder: Path, postgres: Postgres | None, rng: random.Random) -> None:
        """Start the servers; no process of Thor runs yet."""
        super().__init__(folder, postgres.url if postgres else "")
        self.postgres = postgres
        self.redis, self._wires = Forgetful(folder), Wires()
        self.faults: list[WorkerFault] = []
        self.crashes: list[str] = []
        self.is_calm = False
        self.gave_up = 0
        self.log_path = folder / "work.txt"
        self.log_path.touch()
        #: What a clock that never steps showed at which wall time.
        self.instants: list[tuple[float, float]] = []
        #: The longest time between two rounds of `tend` since somebody has set it to nothing.
        self.longest_pause, self._looked_at = 0.0, boottime()
        self.variables = {
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
            "THOR_IMPORTS": "tests.acceptance.chaos.work",
            "THOR_JOBS": "chaos",
            "CHAOS_LOG": str(self.log_path),
        }
        self.roles = {name: Role(name, self._lay(name)) for name in (*BEATS, *WORKERS)}
        # One series for each role: the order in which they start again is the machine's.
        self._series = {name: random.Random(rng.random()) for name in self.roles}
        lib = library() if postgres else None
        self.has_clocks = lib is not None
        for role in self.roles.values() if lib else ():
            role.clock = MachineClock(folder, role.name, lib)
        self._editor: subprocess.Popen[str] | None = None

    def beats(self) -> list[Role]:
        """Return the schedulers."""
        return [self.roles[name] for name in BEATS]

    def workers(self) -> list[Role]:
        """Return the workers."""
        return [self.roles[name] for name in WORKERS]

    def leader(self) -> Role:
        """Return the scheduler that raised the term last, or the first one where that one is gone."""
        with suppress(psycopg.Error):
            holder = self.rows("SELECT holder FROM leadership_leader")[0][0]
            pid = int(holder.split(":")[-2]) if holder else 0
            for role in self.beats():
                if role.process is not None and role.process.pid == pid:
                    return role
        return self.beats()[0]

    def launch(self, role: Role) -> None:
        """Start a process; as likely as not with a step at which it will end or freeze by itself."""
        point = "" if self.is_calm else self._failpoint(role)
        role.is_armed, role.is_doomed, role.frozen_since = bool(point), False, None
        role.launched_at = time.time()
        if point:
            role.steps.append(point)
        clock = role.clock.variables if role.clock else {}
        variables = {**self._addresses(role), **clock, "THOR_FAILPOINT": point}
        with (self.folder / f"{role.name}.log").open("ab") as log:
            role.process = self.processes[role.name] = subprocess.Popen(
                self._command(role),
                cwd=ROOT,
                env={**self.environment, **variables},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, role: Role, number: int, *, whole: bool = False) -> None:
        """Send a signal that ends a process; `whole` to its children as well."""
        if role.process is None or role.process.poll() is not None:
            return
        role.is_doomed = True
        if role.name in WORKERS:
            self.note(role)
        with suppress(ProcessLookupError):
            (os.killpg if whole else os.kill)(role.process.pid, number)
            os.kill(role.process.pid, signal.SIGCONT)

    def freeze(self, role: Role) -> None:
        """Stop a process where it is; it goes on after `FREEZE` seconds."""
        if role.process is not None and role.process.poll() is None:
            os.kill(role.process.pid, signal.SIGSTOP)

    def note(self, role: Role) -> None:
        """Write down that a worker was hurt: what it had claimed may be lost."""
        now = time.time()
        # Nobody sees when an armed worker loses a process of its pool.
        self.faults.append(WorkerFault(role.node, role.launched_at if role.is_armed else now, now))

    def tend(self) -> None:
        """Start again what has ended, let go on what was frozen for long enough, and note who ended by himself."""
        self._compare_clocks()
        for role in self.roles.values():
            if role.process is None:
                continue
            status = role.process.poll()
            if status is not None:
                self._bury(role, status)
                self.launch(role)
            elif _is_stopped(role.process.pid):
                role.frozen_since = role.frozen_since or time.monotonic()
                if time.monotonic() - role.frozen_since > FREEZE:
                    role.frozen_since = None
                    os.kill(role.process.pid, signal.SIGCONT)

    def calm(self) -> None:
        """Mend everything, and start every process once more with nothing to fear."""
        self.is_calm = True
        self.redis.thaw()
        self.redis.start()
        for role in self.roles.values():
            for wire in role.wires.values():
                wire.mend()
            if role.is_armed:
                self.end(role, signal.SIGKILL, whole=True)
        self.tend()

    def edit(self, command: str, *arguments: Any) -> bool:
        """Do an edit as a person would, in a process of its own; return whether it was committed."""
        if self._editor is None or self._editor.poll() is not None:
            with (self.folder / "editor.log").open("ab") as log:
                self._editor = subprocess.Popen(
                    [sys.executable, "-m", "tests.acceptance.chaos.editor"], cwd=ROOT, env=self.environment,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
                )  # fmt: skip
        assert self._editor.stdin is not None
        assert self._editor.stdout is not None
        self._editor.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._editor.stdin.flush()
        answer = self._editor.stdout.readline().strip()
        assert answer in ("done", "failed"), f"the editor said {answer!r} to {command} {arguments}"
        return answer == "done"

    def close(self) -> None:
        """End everything."""
        if self._editor is not None:
            self._editor.kill()
            self._editor.wait(timeout=10)
        for role in self.roles.values():
            self.end(role, signal.SIGKILL, whole=True)
        super().close()
        self.redis.thaw()
        self.redis.kill()
        self._wires.close()

    def _bury(self, role: Role, status: int) -> None:
        is_expected = role.is_doomed or (role.is_armed and status == -signal.SIGKILL)
        if role.name in BEATS and not is_expected:
            self.crashes.append(f"{role.name} ended by itself with status {status}: {self.log(role.name)[-1500:]}")
        elif role.name in WORKERS and not role.is_doomed:
            # Celery's own consumer may give up when Redis fails in the middle of its start: whoever runs it starts it.
            self.gave_up += 1
            self.note(role)
        with suppress(ProcessLookupError):
            os.killpg(role.process.pid, signal.SIGKILL)  # type: ignore[union-attr]  # orphans of a killed worker

    def _compare_clocks(self) -> None:
        before, wall, after = boottime(), time.time(), boottime()
        self.longest_pause = max(self.longest_pause, after - self._looked_at)
        self._looked_at = after
        # Not where the machine stood still between two looks at its clocks: they would seem to differ by that.
        if after - before < SAME_MOMENT and (not self.instants or after - self.instants[-1][0] > 1):
            self.instants.append((before, wall))

    def _failpoint(self, role: Role) -> str:
        rng = self._series[role.name]
        if rng.random() < (0.4 if role.name in BEATS else 0.7):
            return ""
        if role.name in WORKERS:
            return f"{rng.choice(WORKER_STEPS)}:kill:{rng.randint(150, 500)}"
        step, action = rng.choice(BEAT_STEPS), rng.choice(("kill", "kill", "stop"))
        return f"{step}:{action}:{rng.randint(1, 400 if step == 'sending' else 12)}"

    def _lay(self, name: str) -> dict[str, Wire]:
        # No fault parts a worker from Redis, and each run crosses that way many times: it goes without a wire.
        wires = {"redis": self._wires.lay("127.0.0.1", self.redis.port)} if name in BEATS else {}
        if self.postgres is not None:
            wires["database"] = self._wires.lay("127.0.0.1", self.postgres.port)
        return wires

    def _addresses(self, role: Role) -> dict[str, str]:
        found = {}
        if "redis" in role.wires:
            found["REDIS_URL"] = f"redis://127.0.0.1:{role.wires['redis'].port}/0"
        if self.postgres is not None:
            parts = urlsplit(self.postgres.url)
            wire = role.wires["database"].port
            found["DATABASE_URL"] = parts._replace(netloc=f"{parts.username}@127.0.0.1:{wire}").geturl()
        return found

    def _command(self, role: Role) -> list[str]:
        celery = [sys.executable, "-m", "celery", "-A", "thor"]
        if role.name in BEATS:
            return [*celery, "beat", "-l", "info"]
        queues = ("-Q", "trading,default", "-c", str(PROCESSES))
        return [*celery, "worker", "-n", f"{role.node}@chaos", *queues, "-l", "warning"]


def children(pid: int) -> list[int]:
    """Return the ids of the child processes of a process."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T")
    return False
