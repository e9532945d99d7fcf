"""Declare the app to Django, and connect the broker's clock."""

from django.apps import AppConfig

from thor.env import env


class TradingConfig(AppConfig):
    """The app of `thor.trading`."""

    name = "thor.trading"
    label = "trading"

    def ready(self) -> None:
        """Connect Alpaca's clock to the markets where there are keys for it."""
        settings = env()
        if not settings.alpaca_key_id:
            return
        from thor.markets.broker_clock import connect
        from thor.trading.alpaca_clock import AlpacaClock

        connect(AlpacaClock(settings.alpaca_url, settings.alpaca_key_id, settings.alpaca_secret_key))
