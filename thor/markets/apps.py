"""Declare the app to Django, and put the markets of the box into a new database."""

import importlib
from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db.models.signals import post_delete, post_migrate, post_save


class MarketsConfig(AppConfig):
    """The app of `thor.markets`."""

    name = "thor.markets"
    label = "markets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the box after each migrate, and forget cached rows when one is edited in this process."""
        post_migrate.connect(_install, sender=self, dispatch_uid="thor.markets.install")
        for name in ("Market", "Override"):
            for signal in (post_save, post_delete):
                signal.connect(_forget, sender=self.get_model(name), dispatch_uid=f"thor.markets.forget.{name}")
        importlib.import_module("thor.markets.checks")


def _install(*, using: str, apps: Apps = apps, **_: Any) -> None:
    # After a migration backwards there is no such table any more.
    if "market" not in apps.all_models["markets"]:
        return
    from thor.markets.box import install_markets

    install_markets(using=using)


def _forget(**_: Any) -> None:
    from thor.markets.registry import forget

    forget()
