"""Where Redis and the broker are: by the environment, else the embedded server.

Addresses are known without a server; the first connection starts the embedded one if nobody runs it, so a command that
needs no Redis starts none.
"""

import functools
import logging

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from thor import embedded
from thor.env import env
from thor.errors import BadConfiguration

logger = logging.getLogger(__name__)

#: Seconds that a command may wait for an answer: a frozen server must not freeze a leader or a worker.
SOCKET_TIMEOUT = 5.0


def redis_url() -> str:
    """Return the address of Redis: REDIS_URL, else the embedded server's."""
    return env().redis_url or embedded.url()


def broker_url() -> str:
    """Return the address that Celery uses as broker: THOR_BROKER_URL, else Redis (in kombu's spelling for sockets)."""
    if env().broker_url:
        return env().broker_url
    url = redis_url()
    if url.startswith("unix://"):
        path = url.removeprefix("unix://").split("?")[0]
        return f"redis+socket://{path}?virtual_host=0"
    return url


@functools.cache
def redis_client() -> redis.Redis:
    """Return the client of this process: bytes in and out, safe to share among threads and after a fork."""
    if not env().redis_url:
        embedded.ensure()
    return connect(redis_url())


def ensure_broker() -> None:
    """Start the embedded server if it is the broker and nobody runs it."""
    if not env().broker_url and not env().redis_url:
        embedded.ensure()


def revive() -> None:
    """Start the embedded server again, if it is the one and has gone; where that fails, whoever asks says so."""
    if env().redis_url:
        return
    try:
        embedded.ensure()
    except embedded.EmbeddedServerFailed as error:
        logger.error("%s", error)


def broker_client() -> redis.Redis | None:
    """Return a client of the broker where it is a Redis, else nothing."""
    url = env().broker_url
    if not url:
        return redis_client()
    return connect(url) if url.startswith(("redis://", "rediss://", "unix://")) else None


def connect(url: str, **options: object) -> redis.Redis:
    """Return a client of the server at `url` with time-outs set; nothing is sent yet."""
    settings = {
        "socket_timeout": SOCKET_TIMEOUT,
        "socket_connect_timeout": SOCKET_TIMEOUT,
        "health_check_interval": 15,
        # The client's own default is to try ten times, with pauses: whoever asks has a loop or a deadline of its own.
        "retry": Retry(NoBackoff(), 1),
        **options,
    }
    try:
        return redis.Redis.from_url(url, **settings)
    except ValueError as error:
        raise BadConfiguration(f"REDIS_URL={url!r} cannot be used: {error}.") from None
