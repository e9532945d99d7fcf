"""Ask the leader to make way: for a restart of its machine, or to see that a standby takes over."""

import redis

from thor.connections import redis_client
from thor.leadership.lease import LeaseUnreachable
from thor.leadership.selectors import step_down_key

#: A request that no leader has seen by then was meant for one that is gone.
REQUEST_SECONDS = 5


def ask_to_step_down(holder: str) -> None:
    """Ask the scheduler of that name to release the lease and let others contend first."""
    try:
        redis_client().set(step_down_key(), holder, ex=REQUEST_SECONDS)
    except redis.exceptions.RedisError as error:
        raise LeaseUnreachable(f"Redis does not answer ({error}).") from error


class StepDownRequests:
    """What a leader looks at, again and again: whether it was asked to make way."""

    def __init__(self) -> None:
        """Look at the requests of this installation."""
        self._client, self._key = redis_client(), step_down_key()

    def is_for(self, holder: str) -> bool:
        """Tell, once, whether `holder` is asked to step down; a Redis that is away asks nothing."""
        try:
            found = self._client.get(self._key)
            if found != holder.encode():
                return False
            self._client.delete(self._key)
        except redis.exceptions.RedisError:
            return False
        return True
