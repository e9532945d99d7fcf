"""Declare the app to Django."""

from django.apps import AppConfig


class LeadershipConfig(AppConfig):
    """The app of `thor.leadership`."""

    name = "thor.leadership"
    label = "leadership"
    default_auto_field = "django.db.models.BigAutoField"
