"""Tell the leader that the schedule, or the hours of a market, were edited, as soon as the edit is committed.

django-celery-beat notes the time of each edit in a row of its own (`PeriodicTasks`), which the leader looks at four
times a second. Whoever writes that row also says so in Redis, and the leader looks at once.
"""

import functools
import logging
from typing import Any

import redis
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django_celery_beat.models import PeriodicTasks

from thor.connections import connect, redis_url
from thor.leadership.term import installation
from thor.markets.models import Market, Override

logger = logging.getLogger(__name__)

#: Seconds that a person's edit waits for Redis to answer.
PATIENCE = 0.5


def channel(installation_id: object) -> str:
    """Return the channel on which edits are announced."""
    return f"thor:edited:{installation_id}"


def announce_edits() -> None:
    """Announce every edit that this process makes from now on."""
    post_save.connect(_after_commit, sender=PeriodicTasks, dispatch_uid="thor.jobs.hints")
    for model in (Market, Override):
        post_save.connect(_after_commit, sender=model, dispatch_uid=f"thor.jobs.hints.{model.__name__}")
        post_delete.connect(_after_commit, sender=model, dispatch_uid=f"thor.jobs.hints.{model.__name__}")


def _after_commit(using: str, **_: Any) -> None:
    """Announce once a transaction, however much is saved in it."""
    connection = transaction.get_connection(using)
    if not any(function is _announce for _, function, _ in connection.run_on_commit):
        transaction.on_commit(_announce, using=using, robust=True)


def _announce() -> None:
    try:
        _client().publish(channel(installation()), "")
    except redis.exceptions.RedisError as error:
        logger.debug("nobody was told of an edit, the leader will find it: %s", error)


@functools.cache
def _client() -> redis.Redis:
    return connect(redis_url(), socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None)
