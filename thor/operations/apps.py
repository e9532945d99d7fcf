"""Declare the app to Django."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """The app of `thor.operations`."""

    name = "thor.operations"
    label = "operations"
