"""The term: the number of a reign, owned by the database, which alone can prove who may write."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from thor.leadership.models import Leader


@dataclass(frozen=True, slots=True)
class Reign:
    """What a new leader starts from."""

    term: int
    decided_until: datetime | None
    published_seq: int


def installation() -> uuid.UUID:
    """Return the id of this installation: two that share a Redis by mistake then do not share a lease."""
    return Leader.objects.get_or_create(id=1)[0].installation


def raise_term(holder: str, *, at: datetime) -> Reign:
    """Begin a reign: raise the term and return what is decided and published so far.

    It fails where that takes longer than a second: the lease is worth little by then, and another may be luckier.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '1s'")
        Leader.objects.get_or_create(id=1)
        Leader.objects.filter(id=1).update(term=F("term") + 1, holder=holder, since=at)
        row = Leader.objects.get(id=1)
    return Reign(row.term, row.decided_until, row.published_seq)


def reread(term: int) -> Reign | None:
    """Return how far this reign has come, as the database knows it; nothing where a newer one has begun."""
    row = Leader.objects.filter(id=1, term=term).first()
    return None if row is None else Reign(row.term, row.decided_until, row.published_seq)


def decided_until() -> datetime | None:
    """Return how far time has been decided."""
    return Leader.objects.filter(id=1).values_list("decided_until", flat=True).first()


def is_current(term: int) -> bool:
    """Tell whether `term` is still the highest: one cheap round trip."""
    return Leader.objects.filter(id=1, term=term).exists()
