"""Quotes handed in to the push feed of one venue, as if they had been received at a time."""

import json
from typing import Any

import redis

from tests.integration.marketdata.conftest import ns
from thor.marketdata import keys
from thor.marketdata.feeds.push import PushFeed
from thor.marketdata.symbols import ALIASES

VENUE = "globex"
START = ns("2026-03-02T14:30")
SECOND = 1_000_000_000


def new_feed() -> PushFeed:
    """Return the feed as another process would open it."""
    return PushFeed(VENUE, dict(ALIASES))


def push(client: redis.Redis, received_at: int, *quotes: dict[str, Any], source: str = "") -> None:
    """Hand quotes in as if they had been received at a time (ns)."""
    document = {"quotes": quotes, **({"source": source} if source else {})}
    client.xadd(keys.push(VENUE), {"batch": json.dumps(document)}, id=f"{received_at // 1_000_000}-*")
