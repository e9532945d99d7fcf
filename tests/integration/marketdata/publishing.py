"""Publish scripted ticks, and carry a feed through a stretch of time, as the feed process would."""

from collections.abc import Sequence

import redis

from thor.marketdata import keys, stream
from thor.marketdata.feeds.port import Feed
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.stream import Position
from thor.marketdata.ticks import TickBatch, make


class Script:
    """Append hand-written batches to the stream of a venue."""

    def __init__(self, client: redis.Redis, venue: str = "us_equities", run: str = "test") -> None:
        self.client, self.venue, self.run = client, venue, run
        self.position: Position | None = None
        client.set(keys.feed_lease(venue), "script")

    def send(self, watermark: int, *ticks: tuple[str, int, float, float], source: str = "TEST") -> None:
        """Append ticks (symbol, ns, price, size)."""
        self.append(batch_of(ticks, watermark, source=source))

    def append(self, batch: TickBatch) -> None:
        """Append a batch, numbered on from the last one of this run."""
        same = self.position is not None and self.position.run == self.run
        first = self.position.sequence if self.position and same else 0
        self.position = stream.publish(
            self.client,
            self.venue,
            batch.stamped(run=self.run, first=first),
            token="script",
            after=self.position,
            quotes={},
        )


def batch_of(ticks: Sequence[tuple[str, int, float, float]], watermark: int, *, source: str = "TEST") -> TickBatch:
    """Return a batch of trades (symbol, ns, price, size)."""
    symbols = tuple(dict.fromkeys(tick[0] for tick in ticks))
    return make(
        symbols,
        code=[symbols.index(tick[0]) for tick in ticks],
        at=[tick[1] for tick in ticks],
        price=[tick[2] for tick in ticks],
        size=[tick[3] for tick in ticks],
        watermark=watermark,
        source=source,
    )


def feed_through(feed: Feed, client: redis.Redis, start: int, now: int, *, name: str = "here") -> Publisher:
    """Publish everything of a feed from `start` up to `now` (ns) and return the publisher."""
    publisher = Publisher(feed, client, name, Begin("run", at=start))
    while publisher.turn(now):
        pass
    publisher.turn(now, quiet=0)
    return publisher
