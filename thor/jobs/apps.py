"""Declare the app to Django, and load the jobs."""

import importlib

from django.apps import AppConfig

from thor.errors import BadConfiguration


class JobsConfig(AppConfig):
    """The app of `thor.jobs`."""

    name = "thor.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the modules that `celeryconfig.imports` names: the job files register themselves."""
        # A process that never imports the application gets another one, called "default", from Celery's own loader.
        importlib.import_module("thor.celery")
        for name in importlib.import_module("celeryconfig").imports:
            _load(name)
        importlib.import_module("thor.jobs.checks")
        importlib.import_module("thor.jobs.hints").announce_edits()


def _load(name: str) -> None:
    """Import a module of jobs or tasks; what it lacks itself is its own error."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise BadConfiguration(f"THOR_IMPORTS names {name!r}, which Python does not find; correct it.") from None
