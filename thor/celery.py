"""The Celery application: `celery -A thor …` finds it here. Bad configuration ends it with one sentence."""

import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")

from celery import Celery
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


try:
    app = _make()
except ThorError as error:
    sys.stderr.write(f"thor: {error}\n")
    sys.exit(2)
