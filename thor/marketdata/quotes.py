"""The latest snapshot of each symbol, as the publisher writes it beside the stream.

A snapshot is JSON: symbol, last and last_at (price and exchange time of the last trade), bid, ask, bid_size, ask_size,
size, volume (of the UTC day so far), at (exchange time of the last tick), venue and source; times are ISO. Where the
source itself knows them, previous_close, open, high, low, high_52w and low_52w come with it, as the source says them,
and reference_of, the date of the venue's session for which it said so: in another session they are left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import numpy as np
import redis

from thor.marketdata import keys
from thor.marketdata.sessiondates import SessionDates
from thor.marketdata.ticks import Floats, Ints, TickBatch

Snapshot = dict[str, Any]
#: What a source may know of a symbol beside its ticks: `feed.reference[symbol]` holds some of these.
REFERENCE: Final = ("previous_close", "open", "high", "low", "high_52w", "low_52w")

_KEPT: Final = ("bid", "ask", "bid_size", "ask_size", "size")
_DAY: Final = 86_400 * 10**9


class Snapshots:
    """Keep the snapshots of a venue current, batch by batch."""

    def __init__(self, venue: str) -> None:
        """Start without knowledge; `resume` brings back what was published before."""
        self._venue = venue
        self._known: dict[str, Snapshot] = {}
        self._dates = SessionDates(venue)
        #: What sources have said beside ticks, with the session for which they did, and of whom that is news.
        self._reference: dict[str, Snapshot] = {}
        self._told: set[str] = set()

    def refer(self, figures: Mapping[str, Mapping[str, float | None]], *, of: str | None, at: int) -> None:
        """Learn what the source says beside ticks, of the session `of` (ISO date) or else the one of `at` (ns)."""
        session = of or self._dates.of(at)
        for symbol, said in figures.items():
            before = self._reference.get(symbol) or {}
            kept = before if before.get("reference_of") == session else {}
            found = {**kept, **{name: said[name] for name in REFERENCE if name in said}, "reference_of": session}
            if found != before:
                self._reference[symbol] = found
                self._told.add(symbol)

    def resume(self, client: redis.Redis, symbols: Sequence[str]) -> None:
        """Take over the snapshots of these symbols: what is there is of this run, whichever source said it."""
        new = [symbol for symbol in {*symbols, *self._told} if symbol not in self._known]
        if not new:
            return
        for symbol, raw in zip(new, cast("list[bytes | None]", client.hmget(keys.LATEST_QUOTES, new)), strict=True):
            found = json.loads(raw) if raw else {}
            self._known[symbol] = found if found.get("venue") == self._venue else {}

    def last_prices(self, symbols: Sequence[str]) -> Iterator[tuple[str, float | None, int]]:
        """Give symbol, last price and its exchange time (ns) of what is known of these symbols."""
        for symbol in symbols:
            known = self._known.get(symbol, {})
            yield symbol, known.get("last"), _ns(known.get("last_at"))

    def clear(self, client: redis.Redis) -> None:
        """Take away the snapshots of this venue: a new run begins, and they belong to an old one."""
        found = cast("dict[bytes, bytes]", client.hgetall(keys.LATEST_QUOTES))
        mine = [symbol for symbol, raw in found.items() if json.loads(raw).get("venue") == self._venue]
        if mine:
            client.hdel(keys.LATEST_QUOTES, *mine)
        self.forget()

    def forget(self) -> None:
        """Forget everything: what was published is to be read again."""
        self._known.clear()
        self._reference.clear()
        self._told.clear()

    def update(self, batch: TickBatch) -> dict[str, Snapshot]:
        """Return the new snapshot of every symbol of the batch, and of those with new figures, and remember it."""
        made = self._referred()
        if len(batch):
            news = _News(batch)
            for number, symbol in enumerate(news.symbols):
                made[symbol] = self._one(news, number, symbol, made.get(symbol) or self._known.get(symbol) or {})
        self._known.update(made)
        return made

    def _referred(self) -> dict[str, Snapshot]:
        """Return the snapshots to which figures have come without a tick."""
        told, self._told = self._told, set()
        found = {symbol: self._known.get(symbol) or {} for symbol in told}
        return {
            symbol: {**before, **figures}
            for symbol, before in found.items()
            if before.get("at") and (figures := self._figures(symbol, before, _ns(before["at"])))
        }

    def _one(self, news: "_News", number: int, symbol: str, before: Snapshot) -> Snapshot:
        at = _iso(news.at[number])
        if before.get("at", "") > at:
            return {**before, "volume": _volume(news, number, before, at)}  # a late tick changes no price of now
        found = {"symbol": symbol, "last": before.get("last"), "last_at": before.get("last_at")}
        if (price := news.price[number]) == price:
            found["last"], found["last_at"] = price, _iso(news.price_at[number])
        for name, column in news.kept.items():
            value = column[number]
            found[name] = value if value == value else before.get(name)
        found["volume"] = _volume(news, number, before, at)
        found["at"], found["venue"], found["source"] = at, self._venue, news.source
        return {**found, **self._figures(symbol, before, news.at[number])}

    def _figures(self, symbol: str, before: Snapshot, at: int) -> Snapshot:
        """Return the figures of reference that are of the session of `at` (ns)."""
        known = [one for one in (before, self._reference.get(symbol)) if one and one.get("reference_of")]
        session = self._dates.of(at) if known else ""
        return {
            name: one[name]
            for one in known
            if one["reference_of"] == session
            for name in (*REFERENCE, "reference_of")
            if name in one
        }


class _News:
    """What a batch brings for each of its symbols: lists in the order of `symbols`, NaN where it brings nothing."""

    def __init__(self, batch: TickBatch) -> None:
        code = batch.code.astype(np.uint16) if len(batch.symbols) < 2**16 else batch.code
        order = np.argsort(code, kind="stable")
        code = batch.code[order]
        starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
        ends = np.r_[starts[1:], len(code)]
        at = batch.at[order]
        self.source = batch.source
        self.symbols = [batch.symbols[one] for one in code[starts].tolist()]
        self.at: list[int] = at[ends - 1].tolist()
        price = batch.price[order]
        where = _newest(price, starts)
        self.price: list[float] = np.where(where < starts, np.nan, price[where]).tolist()
        self.price_at: list[int] = at[where].tolist()
        self.kept = {name: _last(getattr(batch, name)[order], starts) for name in _KEPT}
        self.cumulative = _last(batch.cumulative[order], starts)
        day = np.repeat(at[ends - 1] // _DAY, ends - starts)
        traded = np.where(at // _DAY >= day, np.nan_to_num(batch.size[order]), 0.0)
        self.traded: list[float] = np.add.reduceat(traded, starts).tolist()


def _newest(column: Floats, starts: Ints) -> Ints:
    """Return where the last known value of each group stands, or -1."""
    found: Ints = np.maximum.reduceat(np.where(np.isnan(column), -1, np.arange(len(column))), starts)
    return found


def _last(column: Floats, starts: Ints) -> list[float]:
    where = _newest(column, starts)
    found: list[float] = np.where(where < starts, np.nan, column[where]).tolist()
    return found


def _volume(news: _News, number: int, before: Snapshot, at: str) -> float:
    """Return the volume of the day: the feed's own figure where it has one, else the sum of what was traded."""
    cumulative = news.cumulative[number]
    if cumulative == cumulative:
        return cumulative
    volume, day = float(before.get("volume") or 0.0), str(before.get("at", ""))[:10]
    if day > at[:10]:
        return volume
    return round((volume if day == at[:10] else 0.0) + news.traded[number], 8)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at // 1000 / 1e6, UTC).isoformat()


def _ns(text: str | None) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1e6) * 1000 if text else 0
