"""Declare the app to Django."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The app of `thor.jobs`."""

    name = "thor.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
