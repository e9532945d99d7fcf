"""Celery's beat, driven by the ledger: `celery -A thor beat` starts this scheduler.

A drop-in for django-celery-beat's `DatabaseScheduler`: the same rows, the same admin, `beat_schedule` and Celery's own
default entries installed in the same way. What differs is that every fire is decided in the ledger first, and that of
several beats one leads.
"""

import logging
import signal
import time
from types import FrameType
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created
from django_celery_beat.schedulers import DatabaseScheduler

from thor.connections import connect, redis_client, redis_url
from thor.drivers.publish import Publisher
from thor.drivers.reign import PAUSE, Reign
from thor.env import env
from thor.jobs import hints
from thor.jobs.decision import Deposed
from thor.leadership.clock import process_clock
from thor.leadership.elector import Elector, Renewer
from thor.leadership.lease import Lease, NoLease, RedisLease
from thor.leadership.listener import Listener
from thor.leadership.models import Leader
from thor.leadership.offset import OffsetClock
from thor.leadership.requests import StepDownRequests
from thor.leadership.selectors import lease_key, released_channel
from thor.markets.transitions import next_transition_at

logger = logging.getLogger(__name__)


class ThorScheduler(DatabaseScheduler):
    """Elect, plan, decide and publish inside `tick()`; Celery only keeps calling it."""

    _reign: Reign | None = None
    _renewer: Renewer | None = None
    _listener: Listener | None = None
    _has_said = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Install the rows that the application declares, as django-celery-beat does."""
        super().__init__(*args, **kwargs)
        # Its timed write-back would fight with the leader's own columns; nothing is ever dirty here.
        self._finalize.cancel()

    def setup_schedule(self) -> None:
        """Do nothing yet: a database that does not answer must not end beat before it has begun."""

    def update_from_dict(self, mapping: dict[str, Any]) -> None:
        """Write declared entries as rows, unless a row of that name is there and says the same.

        One that makes no sense is left out and said, and stops none of the others.
        """
        for name, fields in mapping.items():
            try:
                self.Entry.from_entry(name, app=self.app, **fields)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # whatever a person can write there, and what Django says to it
                logger.error("beat_schedule: %r cannot be a row: %s; it was %r", name, error, fields)

    @property
    def schedule(self) -> dict[str, Any]:
        """Return nothing: the rows are read by the leader, and never through Celery's own entries."""
        return {}

    def tick(self, *_: Any, **__: Any) -> float:
        """Turn the loop once: do what is due and wait, here, until something is due again."""
        reign = self._reign or self._begin()
        if reign is None:
            time.sleep(PAUSE.total_seconds())
            return 0.0
        try:
            if not reign.is_stopping:
                reign.turn()
        except Deposed:
            self.close()
            raise SystemExit("thor: another scheduler has taken over; without the lease only one may run.") from None
        if reign.is_stopping:
            raise SystemExit(0)
        return 0.0

    def sync(self) -> None:
        """Write nothing: the ledger is up to date after every decision."""

    def close(self) -> None:
        """Release the lease and let go of the broker."""
        if self._reign is not None:
            self._reign.leave()
        for thread in (self._renewer, self._listener):
            if thread is not None:
                thread.stop()

    @property
    def info(self) -> str:
        """Say on the start screen who keeps time."""
        return "    . thor -> one leader, decisions in the ledger"

    def _begin(self) -> Reign | None:
        """Write the declared rows and join the election; nothing yet where the database does not answer."""
        connection_created.connect(_bound, dispatch_uid="thor.beat.bound")
        try:
            self.install_default_entries({})
            self.update_from_dict(self.app.conf.beat_schedule)
            row, _ = Leader.objects.get_or_create(id=1)
            clock = process_clock() if env().clock == "replay" else OffsetClock()
            # The first look may build the tables of sessions: seconds in which no lease should be held.
            next_transition_at(clock.now())
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            self._say_trouble(str(error).strip())
            return None
        settings = env()
        elector = Elector(_lease(row), settings.lease_time)
        self._reign = Reign(
            elector=elector,
            publisher=Publisher(self.app),
            clock=clock,
            fixed=settings.disable_leader_lock,
            requests=None if settings.disable_leader_lock else StepDownRequests(row),
        )
        self._renewer = Renewer(elector, settings.lease_time)
        self._renewer.start()
        self._listener = _listener(row, self._reign)
        self._listener.start()
        self._take_signals()
        return self._reign

    def _say_trouble(self, trouble: str) -> None:
        if not self._has_said:
            logger.error("the database is not ready (%s); does it run, and was `manage.py migrate` run?", trouble)
        self._has_said = True

    def _take_signals(self) -> None:
        # Celery's own handlers raise SystemExit wherever the main thread is, in the middle of a decision too.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._reign is not None:
            self._reign.stop()


def _bound(connection: Any, **_: Any) -> None:
    """Let no statement of a scheduler wait for ever, and none of its locks outlive a process that was frozen."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'; SET statement_timeout = '20s'")
            cursor.execute("SET idle_in_transaction_session_timeout = '5s'")


def _listener(row: Leader, reign: Reign) -> Listener:
    """Wake the loop when the lease is released, or the schedule edited."""
    edits = hints.channel(row.installation)
    client = connect(redis_url(), retry=None)
    return Listener(client, (edits, released_channel(row)), lambda channel: reign.hear(channel == edits))


def _lease(row: Leader) -> Lease:
    if env().disable_leader_lock:
        return NoLease()
    redis_client()  # starts the embedded server where none is configured
    # An answer that takes longer than a third of a lease is of no use, and the loop must not hang on it.
    patience = max(0.5, env().lease_ttl / 3)
    client = connect(redis_url(), socket_timeout=patience, socket_connect_timeout=patience, retry=None)
    return RedisLease(client, lease_key(row))
