"""Delete bars, samples and incidents that are older than they are kept, a chunk at a time.

Instrument by instrument, along the index that there is, each chunk in a transaction of its own: nobody waits for a lock
longer than a chunk takes, and a purge that is killed has deleted what it has deleted; the next one goes on.

Age is counted from the newest row of the instrument, where that is older than the clock: a recording of years ago does
not vanish while it is being replayed. Whatever is kept for 0 days is kept for ever.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from thor.env import env
from thor.marketdata.models import Bar, FeedIncident, Instrument, VwapSample

CHUNK = 2000
#: Chunks of one purge; what is left over goes with the next.
MOST = 1000


def purge_market_data(*, at: datetime) -> dict[str, Any]:
    """Delete what is older at `at` than it is kept; return how many bars, samples and incidents."""
    settings, done = env(), {}
    left = CHUNK * MOST
    for name, chunks in (
        ("bars", _rows(Bar, "start_at", at, settings.keep_bars_days)),
        ("samples", _rows(VwapSample, "minute_at", at, settings.keep_samples_days)),
        ("incidents", _incidents(at, settings.keep_incidents_days)),
    ):
        done[name] = _counted(chunks, left)
        left -= done[name]
    return {**done, "behind": True} if left <= 0 else done


def _counted(chunks: Iterator[int], most: int) -> int:
    """Carry deletions out until there are no more, or about `most` rows are gone; return how many."""
    deleted = 0
    while deleted < most and (size := next(chunks, 0)):
        deleted += size
    return deleted


def _rows(model: type[models.Model], name: str, at: datetime, days: int) -> Iterator[int]:
    """Delete rows of each instrument, a chunk at a time; `name` is the field of their time."""
    if days == 0:
        return
    mine = model._default_manager.filter(instrument=OuterRef("pk"))
    ends = Instrument.objects.annotate(
        oldest=Subquery(mine.order_by(name).values(name)[:1]),
        newest=Subquery(mine.order_by(f"-{name}").values(name)[:1]),
    )
    for key, oldest, newest in ends.filter(oldest__isnull=False).values_list("pk", "oldest", "newest"):
        until = min(at, newest) - timedelta(days=days)
        if oldest < until:
            yield from _chunks(model, Q(instrument=key, **{f"{name}__lt": until}), name)


def _incidents(at: datetime, days: int) -> Iterator[int]:
    if days:
        yield from _chunks(FeedIncident, Q(ended_at__lt=at - timedelta(days=days)), "ended_at")


def _chunks(model: type[models.Model], old: Q, order: str) -> Iterator[int]:
    """Delete a chunk a turn, oldest first, until nothing old is left."""
    while chosen := list(model._default_manager.filter(old).order_by(order).values_list("pk", flat=True)[:CHUNK]):
        yield model._default_manager.filter(pk__in=chosen).delete()[0]
