"""The elector: one scheduler's view of whether it leads.

Two threads use it. The *loop* asks `leads()` before it acts and reports `turned()` and `database_answered()`; the
*renewer* keeps the lease alive as long as both reports are fresh. A loop that hangs therefore loses its lease, and a
leader that cannot reach the database makes way for a standby that can.

Why the trust is anchored at the start of an attempt:

    leader   10.00 asks Redis to renew       10.90 answer arrives (a slow network)
    Redis            10.05 sets 1.5 s to live                  11.55 the lease expires
    trusting until 10.90 + 1.5 would be 0.85 s too long; 10.00 + 0.75 * 1.5 = 11.125 is safe.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from thor.leadership.lease import Lease, LeaseUnreachable

#: The loop must have turned, and the database answered, within this time for the lease to be renewed.
PROOF_OF_LIFE = timedelta(seconds=3)
#: How long a leader that gave way does not contend.
HOLD_BACK = timedelta(seconds=5)
#: A lease that nobody took for so long is wanted by nobody else: holding back any longer would serve no one.
UNWANTED = timedelta(seconds=1.5)
TRUSTED_PART = 0.75


def boottime() -> float:
    """Return seconds on a clock that never steps and that also counts while the machine is suspended."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def new_identity() -> str:
    """Return a name that is new for each start of a process, and tells a person where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Elector:
    """Contend for the lease, trust it for part of its life, give way when there is no proof of life."""

    def __init__(
        self, lease: Lease, ttl: timedelta, *, identity: str | None = None, now: Callable[[], float] = boottime
    ) -> None:
        """Contend for `lease` as `identity`; `now` returns seconds on a monotonic clock."""
        self.identity = identity or new_identity()
        self._lease, self._ttl, self._now = lease, ttl, now
        self._guard = threading.Lock()
        self._trusted_until = self._held_back_until = self._gave_way_at = float("-inf")
        self._turned_at = self._database_at = now()
        self.reachable = True

    def leads(self) -> bool:
        """Tell whether the lease is still trusted; false whenever there is any doubt."""
        return self._now() < self._trusted_until

    def trusted_for(self) -> timedelta:
        """Return for how much longer the lease is trusted."""
        return timedelta(seconds=max(0.0, self._trusted_until - self._now()))

    def turned(self) -> None:
        """Report that the loop turned."""
        self._turned_at = self._now()

    def database_answered(self) -> None:
        """Report that a round trip to the database succeeded."""
        self._database_at = self._now()

    def is_alive(self) -> bool:
        """Tell whether both proofs of life are fresh."""
        limit = self._now() - PROOF_OF_LIFE.total_seconds()
        return self._turned_at >= limit and self._database_at >= limit

    def campaign(self) -> bool:
        """Try to gain the lease once; return whether it is held now."""
        if self._now() < self._held_back_until and not self._is_unwanted():
            return False
        return self._attempt(self._lease.acquire)

    def free_in(self) -> timedelta | None:
        """Return when the lease of whoever holds it would expire; nothing where Redis does not say."""
        try:
            holding = self._lease.holding()
        except LeaseUnreachable:
            return None
        return holding.remaining if holding else timedelta(0)

    def renew(self) -> bool:
        """Renew a lease that is held; without proof of life give it up instead and hold back."""
        if not self.leads():
            return False
        if not self.is_alive():
            self.give_way()
            return False
        return self._attempt(self._lease.renew)

    def give_way(self) -> None:
        """Release the lease and let others contend first."""
        self._gave_way_at = self._now()
        self._held_back_until = self._gave_way_at + HOLD_BACK.total_seconds()
        self.resign()

    def resign(self) -> None:
        """Release the lease, if it is held, so that a standby learns of it at once."""
        with self._guard:
            self._trusted_until = float("-inf")
            try:
                self._lease.release(self.identity)
            except LeaseUnreachable:
                self.reachable = False  # it expires by itself

    def _is_unwanted(self) -> bool:
        """Tell whether everybody else has had the time to take the lease, and nobody did."""
        return self._now() >= self._gave_way_at + UNWANTED.total_seconds() and self.free_in() == timedelta(0)

    def _attempt(self, ask: Callable[[str, timedelta], bool]) -> bool:
        with self._guard:
            started = self._now()
            try:
                held = ask(self.identity, self._ttl)
            except LeaseUnreachable:
                # The answer may have been lost on the way: what is trusted already stays so, and no longer.
                self.reachable = False
                return self.leads()
            self.reachable = True
            trusted = started + TRUSTED_PART * self._ttl.total_seconds()
            self._trusted_until = trusted if held else float("-inf")
            return self.leads()


class Renewer(threading.Thread):
    """Renew the lease every fifth of its life, beside the loop."""

    def __init__(self, elector: Elector, ttl: timedelta) -> None:
        """Renew for `elector`; start with `start()`, end with `stop()`."""
        super().__init__(name="thor-lease", daemon=True)
        self._elector, self._interval = elector, ttl.total_seconds() / 5
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Renew until stopped."""
        while not self._stop_event.wait(self._interval):
            self._elector.renew()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop_event.set()
        self.join(timeout=5)
