"""Let the ledger know which workers are alive: a row a start of a worker, touched each second by its parent."""

import threading
import uuid
from functools import cache
from typing import Any

from celery import signals
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from thor.jobs.models import Worker

HEARTBEAT = 1.0

_stop = threading.Event()


@cache
def boot() -> uuid.UUID:
    """Return the id of this start of the worker; pool processes inherit it from their parent."""
    return uuid.uuid4()


@signals.worker_init.connect
def _name_this_start(**_: Any) -> None:
    boot()  # before the pool forks, so that all its processes have the same one


@signals.worker_ready.connect
def _start_heartbeat(sender: Any, **_: Any) -> None:
    report_for_work(str(getattr(sender, "hostname", "")))


def report_for_work(hostname: str) -> threading.Thread:
    """Let this process be known as one that carries out runs, from now until `sign_off`; return the thread for it."""
    _stop.clear()
    thread = threading.Thread(target=_beat, args=(hostname,), name="thor-heartbeat", daemon=True)
    thread.start()
    return thread


@signals.worker_shutdown.connect
def _stop_heartbeat(**_: Any) -> None:
    sign_off()


def sign_off() -> None:
    """Carry out no more runs: what this process had begun is lost from now on."""
    _stop.set()
    try:
        Worker.objects.filter(boot=boot()).delete()
    except (DatabaseError, InterfaceError):
        connection.close()  # it is found silent instead


def _beat(hostname: str) -> None:
    while True:
        try:
            touch(hostname)
        except (DatabaseError, InterfaceError):
            connection.close()
        if _stop.wait(HEARTBEAT):
            connection.close()
            return


def touch(hostname: str) -> None:
    """Say that this worker is alive, by the database's clock."""
    if not Worker.objects.filter(boot=boot()).update(seen_at=Now()):
        Worker.objects.create(boot=boot(), hostname=hostname[:200], started_at=Now(), seen_at=Now())
