"""Hold the desk: one writer of orders, fills, positions, intents and events at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from thor.trading.models import Desk


@contextmanager
def hold() -> Iterator[Desk]:
    """Hold the desk's row in one transaction of its own; whoever comes second waits.

    Nobody may talk to a broker in it: an answer can take seconds, and what was ordered cannot be rolled back. Inside of
    another transaction Django raises `RuntimeError`, since that one could still take back what is written here.
    """
    with transaction.atomic(durable=True):
        Desk.objects.get_or_create(pk=1)
        yield Desk.objects.select_for_update().get(pk=1)


def desk() -> Desk:
    """Return the desk as it is; as it comes in the box where nobody has touched it."""
    return Desk.objects.filter(pk=1).first() or Desk(pk=1)
