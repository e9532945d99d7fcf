"""The Celery application: `celery -A thor …` finds it here. Bad configuration ends it with one sentence."""

import importlib
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")

import django
from celery import Celery
from celery.signals import beat_init, worker_init
from django.apps import apps
from kombu import Connection

from thor import connections, flower
from thor.errors import ThorError


class ThorCelery(Celery):
    """Celery, but for one thing: the first connection to an embedded broker starts it."""

    def connection_for_read(self, *arguments: Any, **options: Any) -> Connection:
        """Connect to consume."""
        connections.ensure_broker()
        return super().connection_for_read(*arguments, **options)

    def connection_for_write(self, *arguments: Any, **options: Any) -> Connection:
        """Connect to publish."""
        connections.ensure_broker()
        return super().connection_for_write(*arguments, **options)


def _make() -> Celery:
    flower.set_flower_defaults(sys.argv[1:])
    made = ThorCelery("thor", task_cls="thor.jobs.runner:LedgerTask")
    made.config_from_object("celeryconfig", force=True)
    made.autodiscover_tasks()
    return made


def _load_django() -> None:
    """Load settings and jobs now, so that what is wrong with them is said before Celery begins."""
    if not apps.ready and not apps.loading:
        django.setup()


@beat_init.connect
@worker_init.connect
def _refuse(**_: Any) -> None:
    """End with one sentence, before anything is led or run, where trading cannot go on."""
    try:
        importlib.import_module("thor.operations.preflight").check_trading()
    except ThorError as error:
        sys.stderr.write(f"thor: {error}\n")
        sys.exit(2)


@worker_init.connect
def _load_kernels(**_: Any) -> None:
    """Load what only bodies need before the pool forks: its processes share it, and no first run waits for it."""
    importlib.import_module("thor.marketdata.folding")


try:
    app = _make()
    _load_django()
except ThorError as error:
    sys.stderr.write(f"thor: {error}\n")
    sys.exit(2)
