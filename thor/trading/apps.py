"""Declare the app to Django, and connect the broker's clock."""

import importlib
from urllib.parse import urlsplit

from django.apps import AppConfig

from thor.env import LOOPBACK, Env, env
from thor.errors import BadConfiguration
from thor.marketdata.feeds.choice import SIMULATED_PAST, is_simulated


class TradingConfig(AppConfig):
    """The app of `thor.trading`."""

    name = "thor.trading"
    label = "trading"

    def ready(self) -> None:
        """Refuse what must not be traded with, register system checks, and connect Alpaca's clock where it has keys."""
        importlib.import_module("thor.trading.checks")
        settings = env()
        _require_real_prices(settings)
        if settings.strategies:
            _require(settings.strategies)
        if not settings.alpaca_key_id:
            return
        from thor.markets.broker_clock import connect
        from thor.trading.alpaca_clock import AlpacaClock

        connect(AlpacaClock(settings.alpaca_url, settings.alpaca_key_id, settings.alpaca_secret_key))


def _require_real_prices(settings: Env) -> None:
    """Refuse to order at a broker of the outside world what prices that are made up ask for."""
    is_outside = settings.broker == "alpaca" and urlsplit(settings.alpaca_url).hostname not in LOOPBACK
    for venue in SIMULATED_PAST:
        if is_outside and is_simulated(settings.feed, venue):
            raise BadConfiguration(
                f"THOR_BROKER=alpaca would order on simulated prices of {venue}; set THOR_FEED=alpaca, or name a real "
                f"feed for {venue} in THOR_FEED, or set THOR_BROKER=paper."
            )


def _require(strategies: tuple[str, ...]) -> None:
    from thor.trading.settings import BadSetting, require_strategies

    try:
        require_strategies(strategies)
    except BadSetting as error:
        raise BadConfiguration(str(error)) from None
