"""Judge ticks at the feed's edge: what is published, folded, shown and graded are good ticks only.

    what comes                                      what becomes of it                      incident
    price <= 0, infinite, or more than can be kept  the tick is dropped                     BAD_PRICE
    bid or ask likewise                             that side is blanked; a tick of which   BAD_PRICE
                                                    nothing is left is dropped
    size negative or infinite                       blanked: the price stands               BAD_PRICE
    price more than 50 % off the last good price    dropped, until three in a row within    JUMP
    of the symbol                                   10 % of each other confirm the level:
                                                    the third of them is published
    the same, by the ratio of a split               likewise, where no Split is entered     SPLIT
    the same, by the ratio of the Split of that     published                               -
    session
    symbol that trades on another venue, or TOTAL   dropped: it would become that one's     UNKNOWN_SYMBOL
    exchange time ahead of the clock by over 2 s    stamped with the clock's time           AHEAD
    bid above ask                                   published: crossed markets are real     -

From the session of a Split on, the last good price of older sessions counts in new shares: the first price in new
shares is as good as any, and one in old shares is a jump. The first price of a symbol of which nothing is known is
taken as it is, and so is the first after ten days of nothing: there is nothing to compare it with.

The verdict on a tick depends on the last good price and on the prices that wait for confirmation, and on nothing else.
Both are written with the batch itself (the snapshot's `last`, and `held` beside the position), in the same atomic
step, so a feed killed anywhere, and a standby that takes over, judge the following ticks alike, however ticks are cut
into batches. A batch without anything suspicious is judged by a handful of operations on whole columns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thor.marketdata import incidents, levels
from thor.marketdata.levels import KnownSplit, Level
from thor.marketdata.models import FeedIncident
from thor.marketdata.ticks import TickBatch

Kind = FeedIncident.Kind
Bools = NDArray[np.bool_]

#: Nanoseconds by which a source's clock may be ahead of ours.
AHEAD: Final = 2 * 10**9
#: Prices and sizes are kept as integers of 10^-8 in 64 bits.
LARGEST: Final = 9e10

_SIDES: Final = (("bid", "bid_size"), ("ask", "ask_size"))
_SIZES: Final = ("size", "bid_size", "ask_size", "cumulative")


@dataclass(slots=True)
class Finding:
    """What was wrong with ticks of one symbol: how many, when last, and the latest example."""

    kind: str
    symbol: str
    at: int
    count: int
    detail: str


@dataclass(slots=True)
class Judged:
    """The good ticks of a batch, the prices that wait for confirmation after it (JSON), and what was found."""

    batch: TickBatch
    held: str
    findings: list[Finding] = field(default_factory=list)

    def report(self, venue: str) -> None:
        """Make incidents of the findings."""
        for one in self.findings:
            at = datetime.fromtimestamp(one.at // 1000 / 1e6, UTC)
            source = self.batch.source
            incidents.report(venue, one.kind, one.symbol, source=source, at=at, count=one.count, detail=one.detail)


class Guard:
    """Judge the ticks of one venue, batch by batch, in order."""

    def __init__(self, splits: Mapping[str, Sequence[KnownSplit]] | None = None) -> None:
        """Start without knowledge; `resume` brings back what was published before."""
        self.splits: Mapping[str, Sequence[KnownSplit]] = splits or {}
        #: Symbols that have no business here, each with the reason.
        self.foreign: Mapping[str, str] = {}
        self._price: dict[str, float] = {}
        self._at: dict[str, int] = {}
        self._waiting: dict[str, tuple[float, ...]] = {}

    def forget(self) -> None:
        """Forget everything: what was published is to be read again."""
        for known in (self._price, self._at, self._waiting):
            known.clear()

    def resume(self, held: str) -> None:
        """Take over the prices that wait for confirmation."""
        self._waiting = {symbol: tuple(prices) for symbol, prices in json.loads(held or "{}").items()}

    def learn(self, known: Iterable[tuple[str, float | None, int]]) -> None:
        """Take over last good prices (symbol, price, ns) of symbols that were published before."""
        for symbol, price, at in known:
            self._price[symbol] = np.nan if price is None else price
            self._at[symbol] = at

    def knows(self, symbol: str) -> bool:
        """Say whether the last good price of a symbol has been asked for."""
        return symbol in self._price

    def judge(self, batch: TickBatch) -> Judged:
        """Return the good ticks of the next batch."""
        findings: list[Finding] = []
        if len(batch):
            batch = self._at_home(batch, findings)
            batch, dropped = _sane(batch, findings)
            self._hold(batch, dropped, findings)
            batch = batch.where(~dropped) if dropped.any() else batch
        return Judged(batch, json.dumps(self._waiting, sort_keys=True) if self._waiting else "", findings)

    def _at_home(self, batch: TickBatch, findings: list[Finding]) -> TickBatch:
        """Leave out the symbols that have no business on this venue."""
        codes = [code for code, symbol in enumerate(batch.symbols) if symbol in self.foreign]
        if not codes:
            return batch
        strange = np.isin(batch.code, codes)
        findings += _by_symbol(
            Kind.UNKNOWN_SYMBOL, batch, strange, lambda n: self.foreign[batch.symbols[int(batch.code[n])]]
        )
        return batch.where(~strange)

    def _hold(self, batch: TickBatch, dropped: Bools, findings: list[Finding]) -> None:
        """Mark what is held back, and remember the last good price of each symbol."""
        traded = np.flatnonzero(~(np.isnan(batch.price) | dropped))
        if not len(traded):
            return
        code = batch.code[traded]
        order = np.argsort(code.astype(np.uint16) if len(batch.symbols) < 2**16 else code, kind="stable")
        place, code = traded[order], code[order]
        starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
        ends = np.r_[starts[1:], len(code)]
        names = [batch.symbols[one] for one in code[starts].tolist()]
        price = batch.price[place]
        suspects = self._suspects(names, price, batch.at[place], starts)
        for number in suspects:
            mine = place[starts[number] : ends[number]]
            dropped[mine[~self._judge_one(names[number], batch, mine, findings)]] = True
        if len(suspects) < len(names):
            clean = np.ones(len(names), bool)
            clean[suspects] = False
            last = np.flatnonzero(clean)
            kept = [names[number] for number in last.tolist()]
            self._price.update(zip(kept, price[ends[last] - 1].tolist(), strict=True))
            self._at.update(zip(kept, batch.at[place[ends[last] - 1]].tolist(), strict=True))

    def _suspects(self, names: list[str], price: Any, at: Any, starts: Any) -> list[int]:
        """Return the numbers of the symbols whose prices have to be judged one by one."""
        before, since = np.empty(len(price)), np.empty(len(price), np.int64)
        before[1:], since[1:] = price[:-1], at[:-1]
        before[starts] = [self._price.get(name, np.nan) for name in names]
        since[starts] = [self._at.get(name, 0) for name in names]
        ratio = price / before
        odd = ((ratio > levels.HIGHEST) | (ratio < levels.LOWEST)) & (at - since <= levels.STALE)
        strange = np.logical_or.reduceat(odd, starts)
        if self._waiting or self.splits:
            last = np.r_[starts[1:], len(price)] - 1
            for number, name in enumerate(names):
                strange[number] |= name in self._waiting or self._split_between(name, int(at[last[number]]))
        found: list[int] = np.flatnonzero(strange).tolist()
        return found

    def _split_between(self, name: str, until: int) -> bool:
        since = self._at.get(name, until)
        return any(since < split.starts <= until for split in self.splits.get(name, ()))

    def _judge_one(self, name: str, batch: TickBatch, mine: Any, findings: list[Finding]) -> Bools:
        """Judge the prices of one symbol one by one; return which are good."""
        price = self._price.get(name, np.nan)
        level = Level(None if np.isnan(price) else price, self._at.get(name, 0), self._waiting.pop(name, ()))
        splits = self.splits.get(name, ())
        good = np.ones(len(mine), bool)
        tale = _Tale(name)
        prices, times = batch.price[mine].tolist(), batch.at[mine].tolist()
        for number, (price, at) in enumerate(zip(prices, times, strict=True)):
            verdict = levels.judge(level, price, at, splits)
            good[number], level = verdict.good, verdict.level
            if verdict.against is not None:
                tale.tell(verdict.against, price, at, verdict.good)
        findings += tale.findings.values()
        self._price[name] = np.nan if level.price is None else level.price
        self._at[name] = level.at
        if level.waiting:
            self._waiting[name] = level.waiting
        return good


class _Tale:
    """What is said of the suspicious prices of one symbol."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.findings: dict[str, Finding] = {}

    def tell(self, before: float, price: float, at: int, confirmed: bool) -> None:
        split = levels.like_a_split(price / before)
        text = f"{before:.10g} -> {price:.10g}"
        if split is not None:
            text += f" looks like a split of {split}"
        if confirmed:
            text += f"; {levels.CONFIRM} prices agree: taken as the new level"
        if split is not None:
            day = datetime.fromtimestamp(at // 10**9, UTC).date()
            text += f"; if it is one, add it in the admin under Market data, Splits: {self.symbol}, {day:%F}, {split}"
        kind = Kind.SPLIT if split is not None else Kind.JUMP
        held = 0 if confirmed else 1
        found = self.findings.setdefault(kind, Finding(kind, self.symbol, at, 0, text))
        found.at, found.count, found.detail = at, found.count + held, text


def on_time(batch: TickBatch, now: int) -> tuple[TickBatch, list[Finding]]:
    """Stamp what is ahead of the clock (`now`, ns) with the clock's time, and put it in order again."""
    if not len(batch) or int(batch.at.max()) <= now + AHEAD:
        return batch, []
    ahead = batch.at > now + AHEAD
    furthest = (int(batch.at[ahead].max()) - now) / 1e9
    detail = f"{furthest:.10g} s ahead: compare the clocks of this machine and of the source"
    # Just before the watermark: what is promised to be complete has to stay so.
    at = np.where(ahead, min(now, batch.watermark - 1), batch.at)
    order = np.argsort(at, kind="stable")
    stamped = replace(batch, at=at).where(order)  # type: ignore[arg-type]
    return stamped, _by_symbol(Kind.AHEAD, batch, ahead, lambda _: detail, at=now)


def _sane(batch: TickBatch, findings: list[Finding]) -> tuple[TickBatch, Bools]:
    """Blank sides and sizes that are none, and mark the ticks that have no price that could be one."""
    dropped = _impossible(batch.price)
    if dropped.any():
        findings += _by_symbol(Kind.BAD_PRICE, batch, dropped, lambda n: f"price {batch.price[n]:.10g}: dropped")
    blanked: dict[str, Any] = {}
    for side, size in _SIDES:
        bad = _impossible(getattr(batch, side)) & ~dropped
        if bad.any():
            column = getattr(batch, side)
            findings += _by_symbol(Kind.BAD_PRICE, batch, bad, lambda n, c=column, s=side: f"{s} {c[n]:.10g}: left out")
            blanked[side] = np.where(bad, np.nan, column)
            blanked[size] = np.where(bad, np.nan, getattr(batch, size))
    for size in _SIZES:
        column = blanked.get(size, getattr(batch, size))
        bad = (column < 0) | (column > LARGEST)
        if bad.any():
            findings += _by_symbol(Kind.BAD_PRICE, batch, bad, lambda n, c=column, s=size: f"{s} {c[n]:.10g}: left out")
            blanked[size] = np.where(bad, np.nan, column)
    if blanked:
        batch = replace(batch, **blanked)
    return batch, dropped | _of_nothing(batch, dropped, findings)


def _of_nothing(batch: TickBatch, dropped: Bools, findings: list[Finding]) -> Bools:
    """Mark the ticks that say nothing: neither a price nor a side nor a volume."""
    nothing = np.isnan(batch.price)
    if nothing.any():
        for name in ("bid", "ask", "cumulative"):
            nothing &= np.isnan(getattr(batch, name))
        lost = nothing & ~np.isnan(batch.size) & ~dropped
        if lost.any():
            findings += _by_symbol(Kind.BAD_PRICE, batch, lost, lambda _: "price is no number: dropped")
    return nothing


def _impossible(column: NDArray[np.float64]) -> Bools:
    """Mark what is known and cannot be a price."""
    found: Bools = (column <= 0) | (column > LARGEST)
    return found


def _by_symbol(kind: str, batch: TickBatch, where: Bools, detail: Any, at: int | None = None) -> list[Finding]:
    """Return a finding a symbol, with the last of its ticks as the example."""
    place = np.flatnonzero(where)
    codes, counts = np.unique(batch.code[place], return_counts=True)
    last = {int(code): int(one) for code, one in zip(batch.code[place], place, strict=True)}
    return [
        Finding(kind, batch.symbols[code], at or int(batch.at[last[code]]), count, detail(last[code]))
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    ]
