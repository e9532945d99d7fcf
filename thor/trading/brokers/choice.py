"""Give this process its broker, by configuration.

    THOR_BROKER=paper     the embedded one; no keys, no money
    THOR_BROKER=alpaca    Alpaca's, with APCA_API_KEY_ID and APCA_API_SECRET_KEY, on paper unless the address is live

Real money takes three settings at once: THOR_BROKER=alpaca, a live APCA_API_BASE_URL and THOR_ALLOW_LIVE=1. `thor.env`
refuses every other combination with a live address when a process starts.
"""

import functools
import os
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from thor.env import PAPER_HOSTS, Env, env
from thor.trading.brokers.port import Broker

#: The market whose regular session is the paper broker's.
TRADING_MARKET: Final = env().trading_market


@functools.cache
def broker() -> Broker:
    """Return the broker of this process, by its own clock; nothing is asked of it yet."""
    from thor.leadership.clock import process_clock

    return chosen_broker(env(), now=lambda: process_clock().now())


if hasattr(os, "register_at_fork"):
    # A connection must not be shared with a child: it makes a broker of its own.
    os.register_at_fork(after_in_child=broker.cache_clear)


def chosen_broker(settings: Env, *, now: Callable[[], datetime]) -> Broker:
    """Return the broker that a configuration names."""
    return _alpaca(settings) if settings.broker == "alpaca" else paper_broker(now=now)


def paper_broker(*, now: Callable[[], datetime], market: str = TRADING_MARKET) -> Broker:
    """Return the embedded broker on the sessions of a market and the quotes of the feeds."""
    # Here, since quotes and models are not loaded where Django is still starting.
    from thor.marketdata.selectors.quotes import snapshots
    from thor.markets.sessions import sessions_of
    from thor.trading.brokers.paper.broker import PaperBroker
    from thor.trading.brokers.paper.splits import splits_between
    from thor.trading.brokers.paper.volume import average_daily_volume

    return PaperBroker(
        now=now, sessions=lambda: sessions_of(market), quotes=snapshots, volume=average_daily_volume,
        splits=splits_between,
    )  # fmt: skip


def _alpaca(settings: Env) -> Broker:
    from thor.trading.brokers.alpaca import AlpacaBroker

    is_live = urlsplit(settings.alpaca_url).hostname not in PAPER_HOSTS
    return AlpacaBroker(settings.alpaca_url, settings.alpaca_key_id, settings.alpaca_secret_key, is_live=is_live)
