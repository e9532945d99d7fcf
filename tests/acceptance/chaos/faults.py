"""What is done to the processes. A fault yields how many seconds to wait before its next step, its repair."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tests.acceptance.chaos.arena import FREEZE, Arena, Role, children

Steps = Iterator[float]
Fault = Callable[[Arena, random.Random], Steps]


def kill_leader(arena: Arena, rng: random.Random) -> Steps:
    """Kill the leader at any moment; its fail point, where it has one, may come first."""
    arena.end(arena.leader(), signal.SIGKILL)
    yield 0.0


def stop_leader(arena: Arena, rng: random.Random) -> Steps:
    """Ask the leader to stop: it hands over."""
    arena.end(arena.leader(), signal.SIGTERM)
    yield 0.0


def freeze_leader(arena: Arena, rng: random.Random) -> Steps:
    """Freeze the leader for longer than its lease; it wakes up in the middle of what it did."""
    arena.freeze(arena.leader())
    yield FREEZE


def start_together(arena: Arena, rng: random.Random) -> Steps:
    """Kill every scheduler; they start in the same moment."""
    for role in arena.beats():
        arena.end(role, signal.SIGKILL)
    yield 0.0


def empty_redis(arena: Arena, rng: random.Random) -> Steps:
    """Kill Redis, and everything it holds: the lease, the queues."""
    arena.redis.kill()
    yield rng.choice((0.0, 0.3, 2.0))
    arena.redis.start()


def freeze_redis(arena: Arena, rng: random.Random) -> Steps:
    """Let Redis answer nobody for a while."""
    arena.redis.freeze()
    yield rng.uniform(0.5, 4)
    arena.redis.thaw()


def restore_redis(arena: Arena, rng: random.Random) -> Steps:
    """Kill Redis and start it from a snapshot: old messages, an old mark, perhaps an old lease."""
    arena.redis.take_snapshot()
    yield rng.uniform(1, 15)
    arena.redis.thaw()
    arena.redis.kill()
    yield rng.choice((0.0, 0.3, 2.0))
    arena.redis.start(from_snapshot=True)


def slow_publishing(arena: Arena, rng: random.Random) -> Steps:
    """Let the leader's batches trickle: one of a second takes seconds."""
    wire = arena.leader().wires["redis"]
    wire.slow(rng.choice((5_000, 20_000, 50_000)))
    yield rng.uniform(3, 8)
    wire.mend()


def restart_postgres(arena: Arena, rng: random.Random) -> Steps:
    """Restart PostgreSQL, in order or by a crash."""
    assert arena.postgres is not None
    arena.postgres.restart(crash=rng.random() < 0.5)
    yield 0.0


def part_leader_and_redis(arena: Arena, rng: random.Random) -> Steps:
    """Cut the leader, and it alone, off Redis."""
    yield from _cut(arena.leader(), "redis", rng)


def part_leader_and_database(arena: Arena, rng: random.Random) -> Steps:
    """Cut the leader, and it alone, off the database."""
    yield from _cut(arena.leader(), "database", rng)


def part_worker_and_database(arena: Arena, rng: random.Random) -> Steps:
    """Cut a worker off the database, for less time than makes it count as dead."""
    yield from _cut(rng.choice(arena.workers()), "database", rng, longest=4)


def kill_worker(arena: Arena, rng: random.Random) -> Steps:
    """Kill a worker and its pool."""
    arena.end(rng.choice(arena.workers()), signal.SIGKILL, whole=True)
    yield 0.0


def stop_worker(arena: Arena, rng: random.Random) -> Steps:
    """Ask a worker to stop: it finishes what it has begun."""
    arena.end(rng.choice(arena.workers()), signal.SIGTERM)
    yield 0.0


def kill_child(arena: Arena, rng: random.Random) -> Steps:
    """Kill one process of a pool, in whatever body it is."""
    role = rng.choice(arena.workers())
    if role.process is not None and (found := children(role.process.pid)):
        arena.note(role)
        with suppress(ProcessLookupError):
            os.kill(rng.choice(found), signal.SIGKILL)
    yield 0.0


def step_clock_of_scheduler(arena: Arena, rng: random.Random) -> Steps:
    """Set the machine clock of the leader by an hour, forwards or back; it stays there."""
    _step(rng.choice((arena.leader(), *arena.beats())), rng)
    yield 0.0


def step_clock_of_worker(arena: Arena, rng: random.Random) -> Steps:
    """Set the machine clock of a worker by an hour, forwards or back; it stays there."""
    _step(rng.choice(arena.workers()), rng)
    yield 0.0


def edit_often(arena: Arena, rng: random.Random) -> Steps:
    """Make some ten edits a second, renames and deletions among them, of lines that are in flight."""
    for _ in range(40):
        name = f"edited_{rng.randrange(8)}"
        edits = (
            ("period", name, rng.randint(1, 3)),
            ("switch", name, rng.random() < 0.7),
            ("rename", name, f"edited_{rng.randrange(8, 12)}"),
            ("rename", f"edited_{rng.randrange(8, 12)}", name),
            ("delete", name),
            ("create", name, rng.randint(1, 2)),
        )
        arena.edit(*rng.choice(edits))
        yield 0.1


def pause_at_the_bell(arena: Arena, rng: random.Random) -> Steps:
    """Pause a job just when it falls due, and let it go on a little later."""
    name = f"paused_{rng.randrange(3)}"
    yield 1 - time.time() % 1
    arena.edit("pause", name)
    yield rng.uniform(0.2, 5)
    while not arena.edit("resume", name):
        yield 0.5


def _step(role: Role, rng: random.Random) -> None:
    assert role.clock is not None
    role.clock.step(rng.choice((-1, 1)) if role.clock.hours == 0 else 0)


def _cut(role: Role, end: str, rng: random.Random, longest: float = 8) -> Steps:
    wire = role.wires[end]
    wire.cut(silent=rng.random() < 0.5)
    yield rng.uniform(1, longest)
    wire.mend()


ANYWHERE: tuple[Fault, ...] = (
    kill_leader, kill_leader, stop_leader, freeze_leader, start_together, empty_redis, empty_redis, freeze_redis,
    restore_redis, slow_publishing, kill_worker, stop_worker, kill_child, edit_often, pause_at_the_bell,
    part_leader_and_redis,
)  # fmt: skip
ON_POSTGRES: tuple[Fault, ...] = (restart_postgres, part_leader_and_database, part_worker_and_database)


#: On SQLite the database's clock is the machine's own, and a machine has one.
WITH_CLOCKS: tuple[Fault, ...] = (step_clock_of_scheduler, step_clock_of_worker)


def faults_of(arena: Arena) -> tuple[Fault, ...]:
    """Return the faults that this arena can take."""
    found = ANYWHERE + (ON_POSTGRES if arena.postgres is not None else ())
    return found + (WITH_CLOCKS if arena.has_clocks else ())


def left_out(arena: Arena) -> list[str]:
    """Say which faults this arena cannot take, and why."""
    if arena.postgres is None:
        return [f"{fault.__name__} (on SQLite)" for fault in ON_POSTGRES + WITH_CLOCKS]
    return [] if arena.has_clocks else [f"{fault.__name__} (libfaketime is not installed)" for fault in WITH_CLOCKS]
