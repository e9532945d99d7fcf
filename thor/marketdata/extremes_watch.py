"""Watch the extremes of a venue's instruments through one session, in arrays.

Two parts are added up: the days before the session (`base`, read once) and the session so far. Of the latter the fold
keeps the figures as long as runs of the feed go on from one another; what any other run has left is in the bars, and is
read once, at the beginning and whenever another run is seen. So nothing of the session is missing, whichever process
looks.

    feed      run 1 ........ dies    run 2, of another source
    bars      09:30 .. 11:02         11:05 ..
    fold      09:30 .. 11:02 (lost)  11:05 ..             <- the session as the fold knows it
    watch     reads bars 09:30       reads bars 09:30 again: what run 1 left is in them
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray

from thor.connections import redis_client
from thor.marketdata import extremes, extremes_history, extremes_today, foldstore, keys, spans, waiting
from thor.marketdata.models import Instrument
from thor.timing import micros
from thor.timing.session import Session

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Now:
    """The extremes with today counted in (dtype BASE), today's high, low and last price; NaN: nothing traded."""

    rows: NDArray[Any]
    high: Floats
    low: Floats
    last: Floats


@dataclass(slots=True)
class Watch:
    """One venue and one session; all arrays are aligned with `instruments`, which are ordered by key."""

    venue: str
    session: Session
    instruments: Sequence[Instrument]
    base: NDArray[Any]
    place: dict[str, int]
    run: str | None = None
    high: Floats = field(default_factory=lambda: np.empty(0))
    low: Floats = field(default_factory=lambda: np.empty(0))
    last: Floats = field(default_factory=lambda: np.empty(0))
    believed: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def as_of(self) -> date:
        """Return the session date."""
        return self.session.date

    def look(self, at: datetime) -> Now:
        """Return the extremes as they are now."""
        client = redis_client()
        run = _run(client, self.venue)
        if run != self.run:
            self._read_bars(at)
            self.run = run
        self._add_fold(client)
        high, low, last = self._trusted(at)
        return Now(extremes.with_today(self.base, high, low, self.as_of), high, low, last)

    def _read_bars(self, at: datetime) -> None:
        waiting.flush_until([self.venue], at)
        done = spans.figures(self.instruments, self.session.open, self.session.close)
        for name, column in (("high", "high"), ("low", "low"), ("last", "close")):
            found = [
                float(getattr(done[row.symbol], column)) if row.symbol in done else np.nan for row in self.instruments
            ]
            setattr(self, name, np.array(found, np.float64))

    def _add_fold(self, client: redis.Redis) -> None:
        """Count in what the fold knows of this session; it is as fresh as the bars, or fresher."""
        table = foldstore.session(client, self.venue)
        if table is None or table.minute != micros(self.session.open) * 1000:
            return
        places = np.array([self.place.get(symbol, -1) for symbol in table.place], np.int64)
        mine = (table.rows["trades"] > 0) & (places >= 0)
        rows, places = table.rows[mine], places[mine]
        self.high[places] = np.fmax(self.high[places], rows["high"])
        self.low[places] = np.fmin(self.low[places], rows["low"])
        self.last[places] = rows["close"]

    def _trusted(self, at: datetime) -> tuple[Floats, Floats, Floats]:
        """Return high, low and last without bad prints."""
        doubtful = np.flatnonzero(extremes_today.is_doubtful(self.high, self.low, self.base["close"]))
        unsure = [self.believed.get(one) != (self.high[one], self.low[one]) for one in doubtful.tolist()]
        doubtful = doubtful[np.array(unsure, bool)]
        if not len(doubtful):
            return self.high, self.low, self.last
        high, low, last = self.high.copy(), self.low.copy(), self.last.copy()
        waiting.flush_until([self.venue], at)  # a minute on its way from the fold to the database is in neither
        some = [self.instruments[one] for one in doubtful]
        closes = {self.instruments[one].pk: float(self.base["close"][one]) for one in doubtful}
        cleaned = extremes_today.clean(some, closes, self.session.open, self.session.close)
        nothing = (np.nan,) * 4
        for one, row in zip(doubtful.tolist(), some, strict=True):
            _, high[one], low[one], last[one] = cleaned.get(row.pk, nothing)
            if (high[one], low[one]) == (self.high[one], self.low[one]):
                self.believed[one] = (high[one], low[one])
        return high, low, last


def begin(venue: str, session: Session) -> Watch:
    """Return the watch of a session of a venue; reads the days of all its active instruments."""
    instruments = list(Instrument.objects.filter(venue=venue, active=True).order_by("pk"))
    base = extremes_history.base_of([row.pk for row in instruments], session.date)
    return Watch(venue, session, instruments, base, {row.symbol: place for place, row in enumerate(instruments)})


def _run(client: redis.Redis, venue: str) -> str:
    """Return which run of the feed the fold has read last."""
    place = cast("bytes | None", client.hget(keys.minutes(venue), "place"))
    return str(json.loads(place)["run"]) if place else ""
