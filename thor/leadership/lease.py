"""The lease: a key in Redis that one scheduler holds. The port, and its adapter for Redis.

Its twin in memory is `thor.testing.lease`; one conformance suite covers both.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import redis

from thor.errors import ThorError

# Each script checks the holder's token and acts in one step: without that, a holder whose lease expired between its
# look and its act would renew, or delete, its successor's lease.
_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder == false or holder == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
"""
_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PUBLISH', KEYS[2], ARGV[1])
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class LeaseUnreachable(ThorError):
    """The server that keeps the lease does not answer."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a lease, and for how much longer."""

    holder: str
    remaining: timedelta


class Lease(Protocol):
    """A lease that one holder has at a time."""

    def acquire(self, holder: str, ttl: timedelta) -> bool:
        """Take the free lease, or keep one's own; return whether `holder` has it now."""

    def renew(self, holder: str, ttl: timedelta) -> bool:
        """Extend the lease if `holder` has it; return whether it does."""

    def release(self, holder: str) -> bool:
        """Give the lease up if `holder` has it; return whether it did."""

    def holding(self) -> Holding | None:
        """Return who has the lease, or nothing when it is free."""


class RedisLease:
    """The lease as a key with a time to live, changed by scripts that check the holder's token."""

    def __init__(self, client: redis.Redis, key: str) -> None:
        """Keep the lease under `key`; releases are announced on the channel `key:released`."""
        self._client, self._key, self.channel = client, key, f"{key}:released"
        self._acquire = client.register_script(_ACQUIRE)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)

    def acquire(self, holder: str, ttl: timedelta) -> bool:
        """Take the free lease, or keep one's own; return whether `holder` has it now."""
        return self._run(self._acquire, holder, _milliseconds(ttl))

    def renew(self, holder: str, ttl: timedelta) -> bool:
        """Extend the lease if `holder` has it; return whether it does."""
        return self._run(self._renew, holder, _milliseconds(ttl))

    def release(self, holder: str) -> bool:
        """Give the lease up if `holder` has it and tell the standbys; return whether it did."""
        return self._run(self._release, holder)

    def holding(self) -> Holding | None:
        """Return who has the lease, or nothing when it is free."""
        try:
            with self._client.pipeline(transaction=True) as pipe:
                pipe.get(self._key)
                pipe.pttl(self._key)
                holder, remaining = pipe.execute()
        except redis.exceptions.RedisError as error:
            raise LeaseUnreachable(f"Redis does not answer ({error}).") from error
        return Holding(holder.decode(), timedelta(milliseconds=max(remaining, 0))) if holder else None

    def _run(self, script: "redis.commands.core.Script", *args: str | int) -> bool:
        try:
            return bool(script(keys=[self._key, self.channel], args=list(args)))
        except redis.exceptions.RedisError as error:
            raise LeaseUnreachable(f"Redis does not answer ({error}).") from error


def _milliseconds(ttl: timedelta) -> int:
    return max(1, round(ttl.total_seconds() * 1000))


class NoLease:
    """Grant every attempt: for a single scheduler without Redis. A second one is found out by its newer term."""

    def acquire(self, holder: str, ttl: timedelta) -> bool:
        """Grant."""
        return True

    def renew(self, holder: str, ttl: timedelta) -> bool:
        """Grant."""
        return True

    def release(self, holder: str) -> bool:
        """Have nothing to release."""
        return True

    def holding(self) -> Holding | None:
        """Know of no holder."""
        return None
