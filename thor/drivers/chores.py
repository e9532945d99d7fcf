"""What the leader does on the side: end runs that nobody ended, and keep the columns that people look at."""

from datetime import datetime

from django.db.models import F
from django_celery_beat.models import PeriodicTask

from thor.drivers.dispatch import Dispatcher
from thor.jobs import events, ledger


def sweep(now: datetime) -> int:
    """End runs that were not claimed in time and runs whose worker is gone; return how many."""
    missed, lost = ledger.miss_overdue(), ledger.lose_silent(now=now)
    if missed:
        events.emit("thor.run.missed", count=missed, reason="deadline")
    if lost:
        events.emit("thor.run.lost", count=lost, reason="worker fell silent")
    return missed + lost


def show_last_runs(dispatcher: Dispatcher) -> None:
    """Write when each line fired last, and how often: for people to see, never read back as a cursor."""
    fired, dispatcher.fired = dispatcher.fired, {}
    for pk, (at, number) in fired.items():
        PeriodicTask.objects.filter(pk=pk).update(last_run_at=at, total_run_count=F("total_run_count") + number)
