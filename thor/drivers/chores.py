"""What the leader does on the side: end runs that nobody ended, keep lines and columns that people look at."""

import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django_celery_beat.models import PeriodicTask

from thor.drivers.dispatch import Dispatcher
from thor.jobs import binary, events, ledger
from thor.jobs.sync import follow_activity

logger = logging.getLogger(__name__)

#: How long it is tried to show that a line has fired.
REMEMBERED = timedelta(minutes=1)

_SHOW = """
UPDATE django_celery_beat_periodictask t
   SET last_run_at = v.at, total_run_count = t.total_run_count + v.number
  FROM (SELECT id, at, number FROM unnest(%(id)b::int[], %(at)b::timestamptz[], %(number)b::int[]) AS f(id, at, number)
          JOIN django_celery_beat_periodictask USING (id)
           FOR UPDATE OF django_celery_beat_periodictask SKIP LOCKED) v
 WHERE t.id = v.id
RETURNING t.id
"""


def sweep(*, with_lost: bool) -> int:
    """End runs that were not claimed in time and, `with_lost`, those whose worker is gone; return how many."""
    missed = ledger.miss_overdue()
    lost = ledger.lose_silent() + ledger.lose_overlong() if with_lost else 0
    if missed:
        events.emit("thor.run.missed", count=missed, reason="deadline")
    if lost:
        events.emit("thor.run.lost", count=lost, reason="silent worker or past the limit")
    return missed + lost


def follow_markets(at: datetime) -> bool:
    """Give a market that was made active its lines, and retire those of one that is not active any more.

    Returns whether all went well: a row that cannot be understood stops neither the leader nor the other lines.
    """
    try:
        report = follow_activity(at=at)
    except (OperationalError, InterfaceError):
        raise  # the reign begins again when the database is back
    except Exception as error:
        logger.error("the lines of jobs stay as they are: %r", error)
        return False
    if report:
        events.emit("thor.jobs.synced", made=report.made, changed=report.changed, retired=report.retired)
    return True


def show_last_runs(dispatcher: Dispatcher) -> None:
    """Write when each line fired last, and how often: for people to see, never read back as a cursor."""
    fired, dispatcher.fired = dispatcher.fired, {}
    if not fired:
        return
    if connection.vendor != "postgresql":
        with transaction.atomic():
            for pk, (at, number) in fired.items():
                changes = {"last_run_at": at, "total_run_count": F("total_run_count") + number}
                PeriodicTask.objects.filter(pk=pk).update(**changes)
        return
    instants, numbers = zip(*fired.values(), strict=True)
    shown = binary.execute(_SHOW, {"id": list(fired), "at": list(instants), "number": list(numbers)})
    # A line that somebody is saving just now is shown next time: nobody waits for him; one that was deleted, never.
    left, since = fired.keys() - {pk for (pk,) in shown}, max(instants) - REMEMBERED
    dispatcher.fired = {pk: fired[pk] for pk in left if fired[pk][0] > since}
