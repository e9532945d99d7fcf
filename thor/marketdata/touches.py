"""Decide which level of a trade was touched first, over every tick since its capture (pure).

A trade is judged in the order of exchange time, so a tick may only be judged when nothing earlier can come any more:
when the feed has promised (the watermark) that everything before it is out. A tick that comes in spite of a promise is
judged as if it had happened at the promised time; its own stamp and price are what is kept.

    stream:  [09:30:01 bid 99, promise 09:30:02]  [09:30:04 bid 101, promise 09:30:03]  [09:30:03 bid 98, promise ...]
    pass 1 reads two batches: 09:30:01 is judged; 09:30:04 is not, for 09:30:03 may still come
    pass 2 reads from the second batch on: 09:30:03, then 09:30:04

So the outcome depends on the stream alone: not on how often it is looked at, nor on how many batches a look takes. What
is promised ends with a run of the feed: of an old run everything is judged before anything of the next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from thor.marketdata.models.capture import Capture
from thor.marketdata.ticks import Floats, Ints, TickBatch, concatenate

Entries = Sequence[tuple[str, TickBatch]]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the stream of a venue has been judged: kept as JSON with the outcomes.

    `cursor` is the id of the last entry that is done with, `run` and `sequence` the number of the tick that follows it,
    `watermark` what was promised with it or before (ns), in its run. `gaps` counts the places before it, in any run, at
    which ticks are missing.
    """

    cursor: str = "0-0"
    run: str = ""
    sequence: int = 0
    watermark: int | None = None
    gaps: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return what is kept."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Watch:
    """One trade that is not decided: `key` names it, `column` of the ticks of `symbol` is compared with its levels."""

    key: int
    symbol: str
    is_long: bool
    target: float
    stop: float
    column: str


@dataclass(frozen=True, slots=True)
class Touch:
    """The first touch of a trade: which level, by the tick of what time (ns) and at what price."""

    level: Capture.Touched
    at: int
    price: float


@dataclass(slots=True)
class Judged:
    """What a look at a stretch of the stream found.

    `promised` is the data time (ns) up to which everything has been judged, or None where nothing has been promised.
    `lost` counts the ticks of a run that are missing, `broken` the places at which nobody can say how many are: a run
    whose beginning is gone, or whose numbers began anew.
    """

    mark: Mark
    touches: dict[int, Touch] = field(default_factory=dict)
    promised: int | None = None
    lost: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """One entry as it is judged: `due` is the time that each tick counts for, `after` the mark behind the entry."""

    batch: TickBatch
    due: Ints
    after: Mark
    lost: int
    is_broken: bool


def judge(entries: Entries, mark: Mark, watches: Sequence[Watch], start: int, end: int) -> Judged:
    """Judge the entries behind `mark` by the ticks in [start, end) (ns); return touches and how far that went."""
    found = Judged(mark, promised=mark.watermark)
    left = {watch.key: watch for watch in watches}
    runs = list(_runs(entries, mark))
    for parts in runs:
        last = parts is runs[-1]
        found.promised = parts[-1].after.watermark
        until = end if found.promised is None or not last else min(found.promised, end)
        touches = _first_touches(parts, list(left.values()), start, until)
        found.touches.update(touches)
        left = {key: watch for key, watch in left.items() if key not in touches}
        _settle(parts, until, end, found)
    return found


def _settle(parts: list[_Part], until: int, end: int, found: Judged) -> None:
    """Move the mark over the entries of which nothing is left to judge, and count what was missing before them."""
    for part in parts:
        if bool(((part.due >= until) & (part.due < end)).any()):
            return
        found.mark = replace(part.after, gaps=found.mark.gaps + bool(part.lost or part.is_broken))
        found.lost += part.lost
        found.broken += part.is_broken


def _runs(entries: Entries, mark: Mark) -> Iterator[list[_Part]]:
    """Give the entries in groups of one run each."""
    parts: list[_Part] = []
    for cursor, batch in entries:
        again = len(batch) > 0 and batch.run == mark.run and batch.first < mark.sequence
        is_new = again or batch.run != mark.run
        if is_new and parts:
            yield parts
            parts = []
        part = _part(cursor, batch, Mark(run=batch.run, sequence=batch.first) if is_new else mark)
        parts.append(replace(part, is_broken=again or (is_new and batch.first > 0)))
        mark = part.after
    if parts:
        yield parts


def _part(cursor: str, batch: TickBatch, mark: Mark) -> _Part:
    """Return an entry behind the mark of the entry before it, in one run."""
    due = batch.at if mark.watermark is None else np.maximum(batch.at, mark.watermark)
    promised = batch.watermark if mark.watermark is None else max(batch.watermark, mark.watermark)
    lost = max(batch.first - mark.sequence, 0) if len(batch) else 0
    sequence = batch.first + len(batch) if len(batch) else mark.sequence
    return _Part(batch, due, replace(mark, cursor=cursor, sequence=sequence, watermark=promised), lost, False)


def _first_touches(parts: list[_Part], watches: list[Watch], start: int, until: int) -> dict[int, Touch]:
    if not watches:
        return {}
    batch, due = concatenate([part.batch for part in parts]), np.concatenate([part.due for part in parts])
    codes = {symbol: code for code, symbol in enumerate(batch.symbols)}
    found = {}
    for symbol in {watch.symbol for watch in watches} & codes.keys():
        places = np.flatnonzero((batch.code == codes[symbol]) & (batch.at >= start) & (due < until))
        # By what they count for, then by their own time, then in the order in which they came.
        places = places[np.lexsort((batch.at[places], due[places]))]
        mine = (watch for watch in watches if watch.symbol == symbol)
        found.update({watch.key: touch for watch in mine if (touch := _touch(batch, places, watch))})
    return found


def _touch(batch: TickBatch, places: Ints, watch: Watch) -> Touch | None:
    """Return the first touch among the ticks at `places`; the target counts before the stop."""
    prices: Floats = getattr(batch, watch.column)[places]
    if watch.is_long:
        target, stop = prices >= watch.target, prices <= watch.stop
    else:
        target, stop = prices <= watch.target, prices >= watch.stop
    hits = np.flatnonzero(target | stop)
    if not len(hits):
        return None
    first = hits[0]
    level = Capture.Touched.TARGET if target[first] else Capture.Touched.STOP
    return Touch(level, int(batch.at[places[first]]), float(prices[first]))
