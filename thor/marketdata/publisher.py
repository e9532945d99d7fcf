"""Publish one venue's feed: hold the lease, read what is due, append it to the stream, and promise the watermark.

Where a publisher stopped is written with the batch itself (`stream.publish`), so whoever comes next, after a restart, a
takeover or an outage of Redis, continues from there: nothing is lost, nothing is published twice.

    A: reads [10:00, 10:01) | frozen ......... | wakes, publishes -> refused: the position has moved
    B:                      | takes the lease, reads [10:00, 10:01), publishes

Between reading and publishing stands the guard (`guard.Guard`), whose knowledge is written with the batch as well. What
it has found is reported when the batch is published, so that what is read twice is counted once.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import redis

from thor.leadership.lease import RedisLease
from thor.marketdata import keys, stream
from thor.marketdata.bars import MINUTE
from thor.marketdata.events import emit
from thor.marketdata.feeds.port import Feed
from thor.marketdata.foldbook import AMEND_FOR
from thor.marketdata.guard import Finding, Guard, on_time
from thor.marketdata.quotes import Snapshots
from thor.marketdata.stream import NotTheFeeder, Position
from thor.marketdata.ticks import TickBatch

#: Ticks in one batch; ticks of one instant always stay together.
MOST_TICKS = 10_000
#: Data time that is read at once, so that a long way to catch up can be interrupted.
STRETCH = 15 * MINUTE
#: Real time that the lease lasts without renewal: so long a standby waits for a feeder that died.
LEASE = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Begin:
    """How a run of publication begins: its name, and the data time (ns) from which everything is published.

    Without a time the feed is live: it begins now. After a restart it fills a gap of up to AMEND_FOR; if it was away
    for longer it begins now again, because the bars of so long ago are settled. That is another run, of the same name
    with the time behind it, so that nobody takes the minutes in between for observed.
    """

    run: str
    at: int | None = None


class Publisher:
    """Feed one venue, one turn at a time."""

    def __init__(self, feed: Feed, client: redis.Redis, token: str, begin: Begin) -> None:
        """Prepare; nothing is sent before the first turn."""
        self.feed, self.venue = feed, feed.venue
        self.leading = False
        self.guard = Guard()
        #: Every symbol that came in while this process fed the venue.
        self.seen: set[str] = set()
        self._client, self._token, self._begin = client, token, begin
        self._lease = RedisLease(client, keys.feed_lease(feed.venue))
        self._snapshots = Snapshots(feed.venue)
        self._position: Position | None = None
        #: Where publishing stands if nobody else published: as far as is known, and one step on, if an answer was lost.
        self._possible: tuple[Position | None, ...] = ()
        self._since: int | None = None
        self._run = begin.run
        self._quiet_turns = 0

    def turn(self, now: int, *, quiet: int = 4) -> bool:
        """Publish what is due at data time `now` (ns), up to a stretch of it; return whether there is more at once.

        Every `quiet` turns, and at each minute passed, the watermark is published although there are no ticks.
        """
        if not self._lease.acquire(self._token, LEASE):
            self._stand_by()
            return False
        try:
            return self._publish_until(now, quiet)
        except NotTheFeeder:
            self._stand_by()
            return False

    def lose(self) -> None:
        """Forget what was known of the stream: Redis went away, and may come back as another."""
        self._position, self._since = None, None
        self.leading = False
        self._snapshots.forget()
        self.guard.forget()

    def stop(self) -> None:
        """Give the lease up at once, so that a standby need not wait for it to expire."""
        self._rest()
        if self.leading:
            self._lease.release(self._token)
            self.leading = False

    def _stand_by(self) -> None:
        if self.leading:
            emit("thor.feed.standby", venue=self.venue)
        self._rest()
        self.lose()

    def _rest(self) -> None:
        """Let a live source know that nobody listens here any more: it may serve one connection only."""
        rest = getattr(self.feed, "rest", None)
        if rest is not None:
            rest()

    def _publish_until(self, now: int, quiet: int) -> bool:
        if self._since is None:
            self._take_up(now)
        since = self._since or 0
        until = now if self._is_over(since) else min(now, since + STRETCH)
        if until <= since:
            return False
        batch, ahead = on_time(self.feed.read(since, until), now)
        self._take_reference(since)
        if len(batch) or self._watermark_due(since, batch.watermark, quiet):
            # Also where the guard lets none of the ticks pass: else they would be read, and judged, again.
            for part in _parts(batch, since, whole=getattr(self.feed, "in_one_piece", False)):
                self._send(part, ahead)
                ahead = []
            self._quiet_turns = 0
        return until < now

    def _take_reference(self, since: int) -> None:
        """Take what the feed knows beside ticks; taken away, so that what it said in one session is not of the next."""
        said = getattr(self.feed, "reference", None)
        if said:
            self.feed.reference = {}  # type: ignore[attr-defined]
            self._snapshots.refer(said, of=getattr(self.feed, "reference_of", None), at=since)

    def _is_over(self, since: int) -> bool:
        """Say whether the feed has nothing any more: years without a tick are then promised in one step."""
        return self.feed.ends_at is not None and since > self.feed.ends_at

    def _take_up(self, now: int) -> None:
        """Find out where to go on: after what was published in this run, else at its beginning."""
        self._position = stream.position(self._client, self.venue)
        known = self._position
        if known is not None and self._possible and known not in self._possible:
            self._rest()  # another process fed the venue while Redis was away: what waits here was published by it
        self._possible = (known,)
        resumed = known is not None and self._goes_on(known, now)
        self._since = known.watermark if known is not None and resumed else self._begin.at
        if self._since is None:
            self._since = now
        if known is not None and not self._is_of_this_feed(known):
            self._snapshots.clear(self._client)
            self._run = self._begin.run
        elif known is not None:
            self._run = known.run if resumed else f"{self._begin.run}#{self._since}"
            self.guard.resume(stream.held(self._client, self.venue))
        self.leading = True
        emit(
            "thor.feed.started",
            venue=self.venue,
            source=self.feed.source,
            since=np.datetime64(self._since, "ns"),
            resumed=resumed,
        )

    def _goes_on(self, known: Position, now: int) -> bool:
        """Say whether publishing continues after a known position, or begins anew."""
        recent = self._begin.at is not None or now - known.watermark <= AMEND_FOR
        return self._is_of_this_feed(known) and recent

    def _is_of_this_feed(self, known: Position) -> bool:
        return known.run == self._begin.run or known.run.startswith(f"{self._begin.run}#")

    def _watermark_due(self, since: int, watermark: int, quiet: int) -> bool:
        self._quiet_turns += 1
        return self._quiet_turns >= quiet or watermark // MINUTE > since // MINUTE

    def _send(self, batch: TickBatch, ahead: list[Finding]) -> None:
        known = self._position
        same = known is not None and known.run == self._run
        self._learn(batch)
        judged = self.guard.judge(batch)
        good = judged.batch.stamped(run=self._run, first=known.sequence if known and same else 0)
        self._possible = (known, stream.position_after(good))
        self._position = stream.publish(
            self._client,
            self.venue,
            good,
            token=self._token,
            after=known,
            quotes=self._snapshots.update(good),
            held=judged.held,
            ticked=_newest(good, None if same else self._since),
            began=self._since,
        )
        self._since = batch.watermark
        judged.findings += ahead
        judged.report(self.venue)

    def _learn(self, batch: TickBatch) -> None:
        """Take over what was published of symbols that are new to this process."""
        self.seen.update(batch.symbols)
        self._snapshots.resume(self._client, batch.symbols)
        new = [symbol for symbol in batch.symbols if not self.guard.knows(symbol)]
        self.guard.learn(self._snapshots.last_prices(new))


def _parts(batch: TickBatch, since: int, *, whole: bool) -> list[TickBatch]:
    """Cut a batch into pieces of about MOST_TICKS, between instants; each promises what comes before the next one.

    What holds ticks older than `since` stays in one piece: a feed gives them by the time at which they came, so that
    a promise taken from the time of a tick would run backwards, and who reads again from there would get them twice.
    """
    if whole or (len(batch) and int(batch.at.min()) < since):
        return [batch]
    parts = []
    start, total = 0, len(batch)
    while total - start > MOST_TICKS:
        cut = int(np.searchsorted(batch.at, batch.at[start + MOST_TICKS], side="left"))
        if cut <= start:
            cut = int(np.searchsorted(batch.at, batch.at[start], side="right"))
        if cut >= total:
            break
        parts.append(batch.slice(start, cut, watermark=int(batch.at[cut])))
        start = cut
    return [*parts, batch.slice(start, total, watermark=batch.watermark)]


def _newest(batch: TickBatch, began: int | None) -> int | None:
    """Return the time of the newest tick, or when the run began where that is later, or None for neither."""
    known = [began] if began is not None else []
    return max([*known, int(batch.at.max())] if len(batch) else known, default=None)
