"""Mirror the active markets to Redis, so that a process without the tables of sessions can ask who trades.

The leading scheduler publishes after each bell and at least every `AGAIN_AFTER`; anybody reads. The mirror is a hash:
`markets` (JSON, key to role), `at` (the business instant at which that became so, as far as the leader saw) and
`version` (rises by one with each change, and is not reset while Redis keeps its data).

What a reader may rely on: a mirror that is there was true when it was last confirmed, `age` ago on the wall, and never
longer than `EXPIRY` ago, since the key expires. No mirror means that nobody knows (no leader, or no Redis), not that
nothing trades. It is a convenience: who decides about orders asks `thor.markets.selectors`.
"""

import functools
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import redis

from thor.connections import connect, redis_url
from thor.leadership.term import installation
from thor.markets.models import Market
from thor.markets.selectors import active_markets
from thor.timing.instants import micros

log = logging.getLogger(__name__)

#: How often the leader confirms the mirror while no bell rings.
AGAIN_AFTER: Final = timedelta(seconds=10)
#: After this long on the wall without a confirmation the mirror is gone.
EXPIRY: Final = timedelta(seconds=30)
#: Seconds that the leader, or a reader, waits for Redis.
PATIENCE: Final = 0.5

# The look and the write are one step. An instant before the one on show comes from a leader that was delayed; it is
# left out, unless a replay has begun anew, whose older mirror expires by itself.
_PUBLISH: Final = """
local shown = redis.call('HMGET', KEYS[1], 'markets', 'micros')
if shown[2] and tonumber(ARGV[2]) < tonumber(shown[2]) then return 0 end
if shown[1] == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 0
end
local version = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'markets', ARGV[1], 'micros', ARGV[2], 'at', ARGV[3], 'version', version)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The active markets as the leader last saw them.

    `roles` holds the key and the role of each market that trades, in the order of lists. `at` is the business instant
    of the change that brought them, `version` its number, `age` the wall time since a leader last confirmed them.
    """

    roles: dict[str, str]
    at: datetime
    version: int
    age: timedelta

    @property
    def markets(self) -> tuple[str, ...]:
        """Return the keys of all markets that trade."""
        return tuple(self.roles)

    @property
    def control_markets(self) -> tuple[str, ...]:
        """Return the keys of the control markets that trade."""
        return tuple(key for key, role in self.roles.items() if role == Market.Role.CONTROL)


def key() -> str:
    """Name the hash of this installation: two that share a Redis have each their own."""
    return f"thor:active_markets:{_installation()}"


def publish(at: datetime) -> bool:
    """Mirror the markets that trade at this instant, and return whether that was news.

    Idempotent: where the same markets are on show, only their expiry is put off. A Redis that does not answer is waited
    for half a second and is no error: the next call makes up for it.
    """
    roles = json.dumps({row.key: row.role for row in active_markets(at)})
    arguments = [roles, micros(at), at.isoformat(), _milliseconds(EXPIRY)]
    try:
        return bool(_script()(keys=[key(), f"{key()}:version"], args=arguments))
    except redis.RedisError as error:
        log.warning("thor.market.unmirrored: %s", error)
        return False


def active_markets_mirrored() -> Mirrored | None:
    """Return what is mirrored, or None where nobody knows: no leader for half a minute, or no answer from Redis."""
    try:
        with _client().pipeline(transaction=True) as both:
            both.hgetall(key())
            both.pttl(key())
            found, left = both.execute()
    except redis.RedisError as error:
        log.debug("the active markets are unknown: %s", error)
        return None
    return _read(found, left) if found else None


def _read(found: dict[bytes, bytes], left: int) -> Mirrored:
    return Mirrored(
        roles=json.loads(found[b"markets"]),
        at=datetime.fromisoformat(found[b"at"].decode()),
        version=int(found[b"version"]),
        age=max(EXPIRY - timedelta(milliseconds=left), timedelta(0)),
    )


def _milliseconds(delta: timedelta) -> int:
    return delta // timedelta(milliseconds=1)


@functools.cache
def _installation() -> UUID:
    return installation()


@functools.cache
def _client() -> redis.Redis:
    return connect(redis_url(), socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None)


@functools.cache
def _script() -> Any:
    return _client().register_script(_PUBLISH)
