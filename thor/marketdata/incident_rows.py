"""Write feed incidents: add to the one that is open or begin it, end it, and end what nobody has added to for long.

That at most one incident of a venue, symbol and kind is open is a unique index of the database, and adding goes through
it in one statement, so two processes that report the same trouble at once count it in one row:

    A: INSERT ... count 3 -> no row is open: one begins with 3
    B: INSERT ... count 2 -> conflict with A's row (waits for A's commit): it becomes 5
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connections, models, router, transaction

from thor.marketdata.models import FeedIncident

#: Data time without a further tick after which an incident is over.
QUIET: Final = timedelta(minutes=15)
#: What lasts until somebody says that it is over; everything else is over when it does not happen any more.
STATES: Final = (FeedIncident.Kind.SILENT, FeedIncident.Kind.DISCONNECTED)

#: What a column of counts holds at most.
MOST_COUNTED: Final = 2**31 - 1
_ROWS: Final = 500
_COLUMNS: Final = ("venue", "symbol", "kind", "source", "first_at", "last_at", "count", "detail")


@dataclass(slots=True)
class Episode:
    """What is to be added to one incident (`count` 0: nothing), and when it was over, if it is."""

    venue: str
    symbol: str
    kind: str
    source: str
    first_at: datetime
    last_at: datetime
    count: int
    detail: str
    ended_at: datetime | None = None

    def add(self, other: "Episode") -> None:
        """Add what came later; what goes on is not over."""
        if other.count and not self.count:
            self.first_at, self.last_at = other.first_at, other.last_at
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        more = 0 if self.count and self.kind == FeedIncident.Kind.SILENT else other.count
        self.count = min(self.count + more, MOST_COUNTED)
        self.source, self.detail = other.source or self.source, other.detail or self.detail
        self.ended_at = other.ended_at


def write(episodes: Sequence[Episode]) -> None:
    """Write episodes, each key at most once; all of them or, where the database refuses, none."""
    using = router.db_for_write(FeedIncident)
    with transaction.atomic(using=using):
        # In one order everywhere, so that two processes that write the same rows cannot wait for each other.
        counted = sorted(
            (episode for episode in episodes if episode.count), key=lambda one: (one.venue, one.symbol, one.kind)
        )
        for start in range(0, len(counted), _ROWS):
            _add(counted[start : start + _ROWS], using)
        for episode in episodes:
            if episode.detail and not episode.count:
                _open(episode).update(detail=episode.detail, last_at=episode.last_at)
            if episode.ended_at is not None:
                _open(episode).update(ended_at=episode.ended_at)


def end_quiet(venue: str, at: datetime) -> int:
    """End the incidents of a venue to which nothing was added within 15 min of `at`; return how many.

    They ended with what was counted last. What lies further ahead is of another time: a replay began after it.
    """
    apart = models.Q(last_at__lte=at - QUIET) | models.Q(last_at__gte=at + QUIET)
    still_open = FeedIncident.objects.filter(apart, venue=venue, ended_at=None).exclude(kind__in=STATES)
    return int(still_open.update(ended_at=models.F("last_at")))


def _open(episode: Episode) -> models.QuerySet[FeedIncident]:
    return FeedIncident.objects.filter(
        venue=episode.venue, symbol=episode.symbol, kind=episode.kind, ended_at__isnull=True
    )


def _add(episodes: Sequence[Episode], using: str) -> None:
    connection = connections[using]
    quote = connection.ops.quote_name
    fields = [FeedIncident._meta.get_field(name) for name in _COLUMNS]
    line = f"({', '.join(['%s'] * len(fields))})"
    statement = (
        f"INSERT INTO {quote(FeedIncident._meta.db_table)} AS old "  # noqa: S608 - names of the model
        f"({', '.join(quote(name) for name in _COLUMNS)}) VALUES {', '.join([line] * len(episodes))} "
        "ON CONFLICT (venue, symbol, kind) WHERE ended_at IS NULL DO UPDATE SET "
        "first_at = CASE WHEN excluded.first_at < old.first_at THEN excluded.first_at ELSE old.first_at END, "
        "last_at = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_at ELSE old.last_at END, "
        f'"count" = CASE WHEN old.kind = \'silent\' THEN old."count" '
        f'WHEN old."count" > {MOST_COUNTED} - excluded."count" THEN {MOST_COUNTED} '
        'ELSE old."count" + excluded."count" END, '
        "source = CASE WHEN excluded.source = '' THEN old.source ELSE excluded.source END, "
        "detail = CASE WHEN excluded.detail = '' THEN old.detail ELSE excluded.detail END"
    )
    values = [
        field.get_db_prep_save(getattr(episode, field.attname), connection) for episode in episodes for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
