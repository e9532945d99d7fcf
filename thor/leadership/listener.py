"""Hear at once what is said in Redis: that the lease was released, that the schedule was edited.

Whoever listens also looks by itself, a little later: what is said while Redis is away is lost, and nothing with it.
"""

import logging
import threading
from collections.abc import Callable, Sequence

import redis

logger = logging.getLogger(__name__)

#: Seconds between two attempts to reach Redis.
RETRY = 1.0


class Listener(threading.Thread):
    """Call `heard` with the channel of each message, on a thread beside the loop."""

    def __init__(self, client: redis.Redis, channels: Sequence[str], heard: Callable[[str], None]) -> None:
        """Listen to `channels`; start with `start()`, end with `stop()`."""
        super().__init__(name="thor-listener", daemon=True)
        self._client, self._channels, self._heard = client, channels, heard
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Listen until stopped, again and again where Redis goes away."""
        while not self._stop_event.is_set():
            try:
                self._listen()
            except (redis.exceptions.RedisError, OSError, ValueError) as error:
                logger.debug("nothing is heard from Redis: %s", error)
                self._stop_event.wait(RETRY)

    def stop(self) -> None:
        """End the thread, soon; nobody need wait for it."""
        self._stop_event.set()

    def _listen(self) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as said:  # type: ignore[no-untyped-call]
            said.subscribe(*self._channels)
            while not self._stop_event.is_set():
                message = said.get_message(timeout=RETRY)
                if message is not None:
                    self._heard(message["channel"].decode())
