"""Declare the app to Django."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The app of `thor.dashboard`."""

    name = "thor.dashboard"
    label = "dashboard"
