"""What the leader asks of the ledger as an outbox: which runs are to be published, and which no more."""

import uuid
from collections.abc import Iterable

from django.db.models import Q
from django.db.models.functions import Now

from thor.jobs.ledger import BACKFILL
from thor.jobs.models import Run, State


def hand_over(uids: Iterable[uuid.UUID]) -> None:
    """End runs whose task cannot claim: they were published, once, and that is all that can be known."""
    waiting = Run.objects.filter(uid__in=list(uids), state=State.DUE)
    waiting.update(state=State.HANDED_OVER, finished_at=Now())


def newest_seq() -> int:
    """Return the place of the newest row in the order of decisions."""
    return Run.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def owed(published_seq: int) -> list[Run]:
    """Return the runs that were decided and perhaps never published, in order."""
    waiting = Run.objects.filter(state=State.DUE, seq__gt=published_seq, deadline_at__gt=Now())
    return list(waiting.order_by("seq"))


def requested(limit: int) -> list[Run]:
    """Return the oldest runs that people asked for and that no worker has claimed."""
    asked = Run.objects.filter(~Q(origin="") | Q(reason=BACKFILL), state=State.DUE, deadline_at__gt=Now())
    return list(asked.order_by("seq")[:limit])
