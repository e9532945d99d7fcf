"""The latest snapshot of each symbol, as the publisher writes it beside the stream.

A snapshot is JSON: symbol, last, bid, ask, bid_size, ask_size, size, volume (of the UTC day so far), at (exchange time,
ISO), venue and source.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import redis

from thor.marketdata import keys
from thor.marketdata.ticks import Floats, TickBatch

Snapshot = dict[str, Any]


class Snapshots:
    """Keep the snapshots of a venue current, batch by batch."""

    def __init__(self, venue: str) -> None:
        """Start without knowledge; `resume` brings back what was published before."""
        self._venue = venue
        self._known: dict[str, Snapshot] = {}

    def resume(self, client: redis.Redis, symbols: Sequence[str], source: str) -> None:
        """Take over the snapshots of these symbols that came from the same source."""
        new = [symbol for symbol in symbols if symbol not in self._known]
        if not new:
            return
        for symbol, raw in zip(new, cast("list[bytes | None]", client.hmget(keys.LATEST_QUOTES, new)), strict=True):
            found = json.loads(raw) if raw else {}
            same = found.get("source") == source and found.get("venue") == self._venue
            self._known[symbol] = found if same else {}

    def clear(self, client: redis.Redis) -> None:
        """Take away the snapshots of this venue: a new run begins, and they belong to an old one."""
        found = cast("dict[bytes, bytes]", client.hgetall(keys.LATEST_QUOTES))
        mine = [symbol for symbol, raw in found.items() if json.loads(raw).get("venue") == self._venue]
        if mine:
            client.hdel(keys.LATEST_QUOTES, *mine)
        self._known.clear()

    def forget(self) -> None:
        """Forget everything: what was published is to be read again."""
        self._known.clear()

    def update(self, batch: TickBatch) -> dict[str, Snapshot]:
        """Return the new snapshot of every symbol of the batch, and remember it."""
        return {batch.symbols[code]: self._one(batch, int(code)) for code in np.unique(batch.code)}

    def _one(self, batch: TickBatch, code: int) -> Snapshot:
        symbol = batch.symbols[code]
        mine = np.flatnonzero(batch.code == code)
        before = self._known.get(symbol) or {}
        at = datetime.fromtimestamp(int(batch.at[mine[-1]]) // 1000 / 1e6, UTC)
        found = {
            "symbol": symbol,
            "last": _last(batch.price[mine], before.get("last")),
            "bid": _last(batch.bid[mine], before.get("bid")),
            "ask": _last(batch.ask[mine], before.get("ask")),
            "bid_size": _last(batch.bid_size[mine], before.get("bid_size")),
            "ask_size": _last(batch.ask_size[mine], before.get("ask_size")),
            "size": _last(batch.size[mine], before.get("size")),
            "volume": _volume(batch, mine, before, at),
            "at": at.isoformat(),
            "venue": self._venue,
            "source": batch.source,
        }
        self._known[symbol] = found
        return found


def _last(column: Floats, otherwise: float | None) -> float | None:
    known = column[~np.isnan(column)]
    return float(known[-1]) if len(known) else otherwise


def _volume(batch: TickBatch, mine: np.ndarray, before: Snapshot, at: datetime) -> float | None:
    """Return the volume of the day: the feed's own figure where it has one, else the sum of what was traded."""
    if not np.isnan(batch.cumulative[mine]).all():
        return _last(batch.cumulative[mine], None)
    day_start = datetime(at.year, at.month, at.day, tzinfo=UTC).timestamp() * 1e9
    today = mine[batch.at[mine] >= day_start]
    traded = float(np.nansum(batch.size[today]))
    continues = str(before.get("at", ""))[:10] == at.date().isoformat()
    return round((float(before.get("volume") or 0.0) if continues else 0.0) + traded, 8)
