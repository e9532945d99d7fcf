"""What every driver starts: a scheduler that contends for a seat, and the two threads beside its loop.

loop       stands by, leads, stands down (`Reign`)
renewer    keeps the lease alive, however long a turn of the loop takes
listener   wakes the loop: the lease was released, the schedule was edited
"""

import threading
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from thor.connections import connect, redis_client, redis_url, revive
from thor.drivers.carrier import Carrier
from thor.drivers.pace import Pace
from thor.drivers.reign import Reign
from thor.env import env
from thor.jobs import hints
from thor.leadership.clock import installed_clock, process_clock
from thor.leadership.elector import Elector, Renewer
from thor.leadership.lease import Lease, NoLease, RedisLease
from thor.leadership.listener import Listener
from thor.leadership.offset import OffsetClock
from thor.leadership.requests import StepDownRequests
from thor.leadership.seat import Seat
from thor.leadership.selectors import lease_key, released_channel
from thor.leadership.term import installation
from thor.markets.transitions import next_transition_at
from thor.timing import Clock

_thread = threading.local()


def bind_this_thread() -> None:
    """Bound every statement of this thread, which is to run a loop; bodies of jobs in other threads are not bound."""
    connection_created.connect(_bound, dispatch_uid="thor.drivers.bound")
    _thread.is_bound = True
    connection.close()


class Contender:
    """One scheduler of this process. Making it needs the database: its errors are the caller's."""

    def __init__(
        self,
        carrier: Carrier,
        *,
        seat: Seat,
        pace: Pace | None = None,
        with_lease: bool = True,
        starts_system: bool = False,
    ) -> None:
        """Contend for `seat`; without a lease there must be no second scheduler.

        With `starts_system` its first reign is a start of the system, whoever led before.
        """
        with_lease = with_lease and not env().disable_leader_lock
        clock = _clock()
        # The first look may build the tables of sessions: seconds in which no lease should be held.
        next_transition_at(clock.now())
        self.elector = Elector(_lease(seat) if with_lease else NoLease(), env().lease_time)
        self.reign = Reign(
            elector=self.elector,
            carrier=carrier,
            clock=clock,
            fixed=not with_lease,
            requests=StepDownRequests() if with_lease else None,
            seat=seat,
            pace=pace,
            revive=revive,
            starts_system=starts_system,
        )
        self._renewer = Renewer(self.elector, env().lease_time)
        self._listener = _listener(seat, self.reign)

    def start(self) -> None:
        """Start the threads beside the loop."""
        self._renewer.start()
        self._listener.start()

    def leave(self) -> None:
        """Release the lease, let go of the other side, end the threads."""
        self.reign.leave()
        for thread in (self._renewer, self._listener):
            thread.stop()

    def join(self) -> None:
        """Wait for the listener too, which ends within a second: where the process goes on without a scheduler."""
        self._listener.join(timeout=5)


def _clock() -> Clock:
    if installed_clock() is not None or env().clock == "replay":
        return process_clock()
    return OffsetClock()


def _bound(connection: Any, **_: Any) -> None:
    """Let no statement of a scheduler wait for ever, and none of its locks outlive a process that was frozen."""
    if connection.vendor == "postgresql" and getattr(_thread, "is_bound", False):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'; SET statement_timeout = '20s'")
            cursor.execute("SET idle_in_transaction_session_timeout = '5s'")


def _listener(seat: Seat, reign: Reign) -> Listener:
    """Wake the loop when the lease is released, or the schedule edited."""
    edits = hints.channel(installation())
    client = connect(redis_url(), retry=None)
    return Listener(client, (edits, released_channel(seat)), lambda channel: reign.hear(channel == edits))


def _lease(seat: Seat) -> Lease:
    redis_client()  # starts the embedded server where none is configured
    # An answer that takes longer than a third of a lease is of no use, and the loop must not hang on it.
    patience = max(0.5, env().lease_ttl / 3)
    client = connect(redis_url(), socket_timeout=patience, socket_connect_timeout=patience, retry=None)
    return RedisLease(client, lease_key(seat))
