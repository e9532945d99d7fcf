"""Register the app and install the instruments in the box after each migrate."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MarketDataConfig(AppConfig):
    """Market data: feeds, ticks, bars, samples."""

    name = "thor.marketdata"
    label = "marketdata"
    verbose_name = "Market data"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Ask to be told when the tables exist, and when trading days or splits are edited."""
        from thor.marketdata import daily_version

        post_migrate.connect(_install, sender=self, dispatch_uid="thor.marketdata.install")
        daily_version.watch_edits()


def _install(using: str = "default", **_: Any) -> None:
    from thor.marketdata.catalogue import install_instruments

    install_instruments(using=using)
