"""The Celery application: `celery -A thor …` finds it here."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")

from celery import Celery, bootsteps, signals  # noqa: E402  (Django's settings must be named first)

from thor.errors import ThorError  # noqa: E402


def _make() -> Celery:
    made = Celery("thor", task_cls="thor.jobs.runner:LedgerTask")
    made.config_from_object("celeryconfig")
    return made


app = _make()
