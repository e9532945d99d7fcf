"""Notice that the broker has lost its memory: killed and back empty, or restored from an old snapshot.

The leader keeps a mark in the broker's own Redis: the newest decision that it has published there. A mark that is
missing, or older than what the leader remembers, went with the messages of that time; whatever of them is not claimed
is then published again, under the same ids. Nothing is ever sent again on a timer alone: a queue that is merely busy
would be flooded.

    leader   publishes up to 41, marks 41        publishes up to 57, marks 57      looks: the mark says 41
    broker                 saves a snapshot                             dies, comes back from the snapshot
                                                                                   42 to 57 are published again
"""

from collections.abc import Callable
from typing import Any

import redis

from thor.connections import broker_client

_REMEMBER = """
local mark = tonumber(redis.call('GET', KEYS[1]) or '0')
if mark >= tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return mark
"""


class BrokerMemory:
    """The mark of one installation; without a Redis as broker it claims nothing and never forgets."""

    def __init__(self, installation: str, client: redis.Redis | None = None) -> None:
        """Keep the mark of `installation` in the broker, or in `client`."""
        self._client = client or broker_client()
        self._key = f"thor:published:{installation}"

    def remember(self, seq: int, *, known: int) -> int | None:
        """Mark that everything up to `seq` is published, unless the old mark is older than the `known` one.

        Such a mark is returned, and stands until what was lost is published again: who finds it may be deposed, or
        die, before it gets to that. A broker that is away now is noticed when it is back.
        """
        return self._older(known, lambda client: client.eval(_REMEMBER, 1, self._key, seq, known))

    def forgotten_since(self, seq: int) -> int | None:
        """Return the mark, if it is older than `seq`: what came after it is lost. Nothing, if all is well."""
        return self._older(seq, lambda client: client.get(self._key))

    def _older(self, seq: int, ask: Callable[[redis.Redis], Any]) -> int | None:
        if self._client is None:
            return None
        try:
            mark = int(ask(self._client) or 0)
        except redis.exceptions.RedisError:
            return None
        return mark if mark < seq else None
