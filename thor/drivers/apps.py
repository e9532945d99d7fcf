"""Declare the app to Django."""

from django.apps import AppConfig


class DriversConfig(AppConfig):
    """The app of `thor.drivers`."""

    name = "thor.drivers"
    label = "drivers"
    default_auto_field = "django.db.models.BigAutoField"
