"""Read what happened: the ledger's rows, the workers' own log, and what the schedulers said."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.acceptance.chaos.arena import Arena
from tests.acceptance.chaos.checker import Body, History, Line, Row

COLUMNS = (
    "seq, uid, entry, name, state, reason, nominal_at, last_at, due_at, decided_at, started_at, finished_at,"
    " count, term, attempt, hostname, exclusive, repeatable"
)


def read_history(arena: Arena, lines: list[Line], horizon: float) -> History:
    """Return all that is known now; what is nominal after `horizon` had no time to end."""
    bodies = _bodies(arena)  # before the ledger: what runs now has its claim there already
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
        found[name] = None if found[name] is None else seconds_of(found[name])
    found["uid"], found["entry"] = uuid_of(found["uid"]), uuid_of(found["entry"])
    found["worker"] = found["worker"].split("@")[0]
    return Row(**{**found, "exclusive": bool(found["exclusive"]), "repeatable": bool(found["repeatable"])})


def _bodies(arena: Arena) -> list[Body]:
    """Return each start with its end: of the same run, by the same process."""
    open_bodies: dict[tuple[str, str], float] = {}
    found: list[Body] = []
    for line in arena.log_path.read_text().splitlines():
        uid, event, steady, pid = line.split()
        at = wall_of(arena.instants, float(steady))
        if event == "start":
            open_bodies[uid, pid] = at
        elif (uid, pid) in open_bodies:
            found.append(Body(UUID(uid), open_bodies.pop((uid, pid)), at))
    return found + [Body(UUID(uid), start, None) for (uid, _), start in open_bodies.items()]


def wall_of(instants: Sequence[tuple[float, float]], steady: float) -> float:
    """Return the wall time at which a clock that never steps showed `steady`, by the comparison next to it."""
    place = bisect_left(instants, (steady, 0.0))
    near = instants[max(0, place - 1) : place + 1]
    known, wall = min(near, key=lambda instant: abs(instant[0] - steady))
    return wall + steady - known


def seconds_of(value: Any) -> float:
    """Return an instant of the database in seconds since 1970."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def text(at: float) -> str:
    """Return an instant as the database is told it."""
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ")


def uuid_of(value: Any) -> UUID:
    """Return an id, however the database hands it out."""
    return value if isinstance(value, UUID) else UUID(str(value))
