"""What one pass of intraday works on: the minutes, the totals, how far it has read, and what it has finished.

The book is read from Redis, worked on in memory, and written back whole (`foldstore`), or not at all. It is pure but
for `load`, through which it asks for a minute that it needs, and `session_of`, which knows the venue's calendar.

    a new run of the feed                     minutes, session   volume of the day   prices, quotes   next mark
    of the same source, further on in time    go on              goes on             forgotten        see below
    of another source, or back in time        settled            from nothing        forgotten        from its begin

What lies between two runs was seen by nobody. So no mark is made from the old run's promise to the new run's first one,
and after it a symbol is marked once it has traded again: a price at an open is never made up. Its volume of the day is
then what both runs saw, which is a lower bound.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thor.marketdata import bars, volume
from thor.marketdata.bars import MINUTE
from thor.marketdata.minutes import MinuteTable
from thor.marketdata.ticks import TickBatch, concatenate
from thor.marketdata.totals import DAY, Totals

#: For how long (data time) a closed minute is kept, so that a late tick still amends its bar.
AMEND_FOR = 15 * MINUTE


@dataclass(slots=True)
class Place:
    """How far a venue has been read: kept as one JSON document.

    `cursor` is the id of the last stream entry, `sequence` the number of the next tick, `watermark` the data time (ns)
    up to which everything has come, `marked` the last minute that has its mark. `unsent` and `uncounted` are the
    minutes in which something is to be handed on.
    """

    cursor: str = "0-0"
    run: str = ""
    source: str = ""
    sequence: int = 0
    watermark: int | None = None
    marked: int | None = None
    unsent: list[int] = field(default_factory=list)
    uncounted: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What a pass has done: ticks folded, bars closed, ticks too late to count, ticks lost or sent twice."""

    ticks: int = 0
    closed: int = 0
    late: int = 0
    lost: int = 0
    repeated: int = 0
    runs: int = 0


@dataclass(slots=True)
class Book:
    """See the module; `known` are the minutes that exist in the store, `tables` those that were needed so far.

    `closed` are the items of the queue of bars, `marks` what was noted at the minutes that were passed.
    `session` holds the figures of the running session so far, as one table whose "minute" is the open of the session.
    """

    place: Place
    totals: Totals
    baseline: volume.Baseline
    known: set[int]
    load: Callable[[int], MinuteTable]
    session_of: volume.SessionOf = volume.in_no_session
    session: MinuteTable | None = None
    tables: dict[int, MinuteTable] = field(default_factory=dict)
    retired: set[int] = field(default_factory=set)
    closed: list[bytes] = field(default_factory=list)
    marks: list[tuple[int, bytes]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def take(self, batches: Iterable[tuple[str, TickBatch]]) -> None:
        """Fold (entry id, batch) pairs in their order.

        Batches are folded together until the watermark passes a minute: then bars and marks are due, and they must
        hold exactly what came before that point, however the batches are spread over passes.
        """
        group: list[TickBatch] = []
        for entry, batch in batches:
            if batch.run != self.place.run:
                self._settle(group)
                group = []
                self._begin(batch)
            fresh = self._unseen(batch)
            if len(fresh) and batch.source != self.place.source:
                self._fold(group)  # a bar is named after the source of its own ticks
                group = []
                self.place.source = batch.source
            group.append(fresh)
            self.place.cursor = entry
            self.place.sequence = batch.first + len(batch) if len(fresh) else self.place.sequence
            if self._crosses(batch.watermark):
                self._fold(group)
                group = []
                self.advance(batch.watermark)
        self._settle(group)

    def advance(self, watermark: int) -> None:
        """Note that everything before `watermark` has come: mark the minutes passed, close their bars."""
        place = self.place
        place.watermark = watermark if place.watermark is None else max(watermark, place.watermark)
        self._mark(place.watermark)
        self.close(place.watermark)
        self._retire(place.watermark)

    def close(self, until: int) -> None:
        """Send the bars of the minutes that end at or before `until` (ns), again where more is known of them."""
        due = sorted(minute for minute in self.place.unsent if minute + MINUTE <= until)
        for minute in due:
            table = self._table(minute)
            sent = table.unsent(table.source or self.place.source)
            self.closed.extend(sent)
            self.tally.closed += len(sent)
        self.place.unsent = [minute for minute in self.place.unsent if minute not in set(due)]

    def _settle(self, group: list[TickBatch]) -> None:
        """Fold what is left of a pass or a run, up to its last promise."""
        self._fold(group)
        if group:
            self.advance(max(batch.watermark for batch in group))

    def _begin(self, batch: TickBatch) -> None:
        """Take up a new run of the feed."""
        self.tally.runs += 1
        if self._goes_on(batch):
            self._go_on(batch)
        else:
            self._begin_afresh(batch)

    def _goes_on(self, batch: TickBatch) -> bool:
        """Say whether a run brings more of the same; what is read again from earlier on would count twice."""
        known = self.place.watermark
        if known is None or batch.source != self.place.source or batch.watermark < known:
            return False
        return not len(batch) or int(batch.at.min()) >= known

    def _go_on(self, batch: TickBatch) -> None:
        """Keep the minutes that may still be amended; see the module for what is forgotten."""
        place = self.place
        until = place.watermark or 0
        if batch.watermark - until > AMEND_FOR:
            self.baseline = {}  # what was traded while nobody looked belongs to none of the minutes to come
        self._count(max(place.uncounted, default=0) + MINUTE)
        self.totals.forget_prices(until)
        place.run, place.source, place.sequence = batch.run, batch.source, batch.first
        place.marked = batch.watermark // MINUTE * MINUTE

    def _begin_afresh(self, batch: TickBatch) -> None:
        """Start from nothing; what was open from the old run is closed as it stands."""
        if self.place.unsent:
            self.close(max(self.place.unsent) + MINUTE)
        self.retired |= self.known | set(self.tables)
        self.known, self.tables = set(), {}
        self.totals, self.baseline, self.session = Totals(), {}, None
        self.place = Place(self.place.cursor, batch.run, batch.source, batch.first)

    def _unseen(self, batch: TickBatch) -> TickBatch:
        """Return the ticks that have not been folded yet, by their numbers; count those that never came."""
        repeated = min(max(self.place.sequence - batch.first, 0), len(batch))
        self.tally.repeated += repeated
        if len(batch):
            self.tally.lost += max(batch.first - self.place.sequence, 0)
        return batch.slice(repeated, len(batch), watermark=batch.watermark) if repeated else batch

    def _crosses(self, watermark: int) -> bool:
        before = self.place.watermark
        return before is None or watermark // MINUTE > before // MINUTE

    def _fold(self, group: list[TickBatch]) -> None:
        group = [batch for batch in group if len(batch)]
        if not group:
            return
        batch = self._in_time(volume.with_deltas(concatenate(group), self.baseline, self.session_of))
        self.tally.ticks += len(batch)
        folded = bars.fold(batch)
        for minute in np.unique(folded.rows["minute"]).tolist():
            here = folded.rows["minute"] == minute
            names = [batch.symbols[code] for code in folded.code[here]]
            table = self._table(minute)
            table.absorb(names, folded.rows[here], folded.turnover[here])
            table.source = batch.source
            self._follow_session(minute, names, folded.rows[here], folded.turnover[here])
            for pending in (self.place.unsent, self.place.uncounted):
                if minute not in pending:
                    pending.append(minute)

    def _follow_session(self, minute: int, names: list[str], rows: NDArray[Any], turnover: NDArray[np.object_]) -> None:
        """Add a minute's rows to the figures of its session; a newer session begins afresh, an older one is over."""
        opened = self.session_of(minute)
        if opened is None or (self.session is not None and opened < self.session.minute):
            return
        if self.session is None or opened > self.session.minute:
            self.session = MinuteTable(opened)
        self.session.absorb(names, rows, turnover)

    def _in_time(self, batch: TickBatch) -> TickBatch:
        """Leave out, and count, the ticks of minutes that are not kept any more."""
        if self.place.watermark is None:
            return batch
        kept = batch.at >= self._horizon(self.place.watermark)
        late = len(batch) - int(np.count_nonzero(kept))
        self.tally.late += late
        return batch.where(kept) if late else batch

    def _horizon(self, watermark: int) -> int:
        return watermark // MINUTE * MINUTE - AMEND_FOR

    def _mark(self, watermark: int) -> None:
        """Make the marks of the minutes up to the watermark, each with what came before that minute."""
        last = watermark // MINUTE * MINUTE
        at = self.place.marked
        if at is None:
            at = min([*self.place.uncounted, last])
        while at < last:
            at += MINUTE
            self._count(at)
            mark = self.totals.mark(at)
            if mark is not None:
                self.marks.append((at, mark))
            elif not self.place.uncounted:
                at = last  # nothing traded on this day, and nothing is left to count: the rest is silence
            else:
                at = max(at, min(min(self.place.uncounted), last - MINUTE))
        self.place.marked = at

    def _count(self, until: int) -> None:
        due = sorted(minute for minute in self.place.uncounted if minute + MINUTE <= until)
        for minute in due:
            self._table(minute).count_into(self.totals, minute // DAY)
        self.place.uncounted = [minute for minute in self.place.uncounted if minute not in set(due)]

    def _retire(self, watermark: int) -> None:
        """Let go of minutes that no tick can amend any more."""
        kept = {*self.place.unsent, *self.place.uncounted}
        horizon = self._horizon(watermark)
        gone = {minute for minute in self.known | set(self.tables) if minute < horizon and minute not in kept}
        self.retired |= gone
        self.known -= gone
        for minute in gone:
            self.tables.pop(minute, None)

    def _table(self, minute: int) -> MinuteTable:
        if minute not in self.tables:
            self.tables[minute] = self.load(minute) if minute in self.known else MinuteTable(minute)
            self.retired.discard(minute)
        return self.tables[minute]
