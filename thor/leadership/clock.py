"""The clock of this process: the system's, or a replay's, whose origin all processes share through Redis.

A simulation is one process in virtual time: it installs a clock of its own (`live_by`).
"""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import redis

from thor.connections import redis_client
from thor.env import Env, env
from thor.errors import ThorError
from thor.leadership.lease import LeaseUnreachable
from thor.timing import Clock, ReplayClock, SystemClock

REPLAY_KEY = "thor:replay"


class ReplayDiffers(ThorError):
    """Another replay is under way in this Redis."""


_installed: list[Clock] = []


def process_clock() -> Clock:
    """Return the clock by which this process lives; only the edges of a process ask for it, services take `at`."""
    return _installed[-1] if _installed else _configured_clock()


def installed_clock() -> Clock | None:
    """Return the clock that was installed in this process, nothing where it lives by the configured one."""
    return _installed[-1] if _installed else None


@contextmanager
def live_by(clock: Clock) -> Iterator[None]:
    """Let this process live by another clock than the configured one while the block lasts: for simulations."""
    _installed.append(clock)
    try:
        yield
    finally:
        _installed.remove(clock)


@functools.cache
def _configured_clock() -> Clock:
    settings = env()
    if settings.clock == "system":
        return SystemClock()
    return join_replay(redis_client(), settings)


def join_replay(client: redis.Redis, settings: Env) -> ReplayClock:
    """Join the replay that is under way, or begin it: the first process to come fixes its origin on the wall."""
    wall = SystemClock()
    mine = {**_parameters(settings), "wall_origin": wall.now().isoformat()}
    try:
        client.set(REPLAY_KEY, json.dumps(mine), nx=True)
        found = json.loads(client.get(REPLAY_KEY) or "{}")
    except redis.exceptions.RedisError as error:
        raise LeaseUnreachable(f"Redis does not answer ({error}); a replay needs it, so check REDIS_URL.") from error
    if {name: found.get(name) for name in _parameters(settings)} != _parameters(settings):
        raise ReplayDiffers(
            f"another replay, from {found.get('start')} at {found.get('speed')}×, is under way in this Redis; stop it, "
            "or use another REDIS_URL or THOR_VAR_DIR; if nothing of it runs any more, let go of it: manage.py down."
        )
    return ReplayClock(
        start=datetime.fromisoformat(found["start"]),
        wall_origin=datetime.fromisoformat(found["wall_origin"]),
        speed=found["speed"],
        tick=settings.tick,
        wall=wall,
    )


def forget_replay(client: redis.Redis) -> None:
    """Forget the replay of this Redis, so that the next question for the time, here or elsewhere, begins anew."""
    try:
        client.delete(REPLAY_KEY)
    except redis.exceptions.RedisError as error:
        raise LeaseUnreachable(f"Redis does not answer ({error}), so its replay stays; check REDIS_URL.") from error
    _configured_clock.cache_clear()


def _parameters(settings: Env) -> dict[str, object]:
    start = settings.replay_start
    return {"start": start.isoformat() if start else None, "speed": settings.replay_speed}
