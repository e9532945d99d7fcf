"""Carry out runs in virtual time: what puts itself off comes again when the simulation has got there, not the wall."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from thor.jobs.inline import Inline
from thor.jobs.models import Run, State
from thor.jobs.planned import LONGEST_ROOM
from thor.timing import Clock


class VirtualHands(Inline):
    """What carries out errands in a process whose clock is set step by step."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Sign the runs with `name`; what comes again does so by `clock`."""
        super().__init__(name)
        self._clock = clock
        self._later: dict[UUID, datetime] = {}

    def again(self, wait: timedelta = timedelta(0)) -> None:
        """Let the run that is carried out come again, `wait` of virtual time later."""
        errand = self._errand
        super().again(wait)
        if errand is not None and wait:
            self._later[errand.uid] = self._clock.now() + wait
            # The ledger waits by the wall, of which next to nothing passes here; `release` says when it is time.
            _waiting({errand.uid}).update(not_before=Now() + LONGEST_ROOM)

    @property
    def instants(self) -> list[datetime]:
        """Return when something comes again."""
        return list(self._later.values())

    def release(self) -> bool:
        """Let begin what has waited until now; return whether there was any."""
        ready = {uid for uid, at in self._later.items() if at <= self._clock.now()}
        for uid in ready:
            del self._later[uid]
        return bool(ready and _waiting(ready).update(not_before=None))


def _waiting(uids: set[UUID]) -> QuerySet[Run]:
    return Run.objects.filter(uid__in=uids, state=State.DUE)
