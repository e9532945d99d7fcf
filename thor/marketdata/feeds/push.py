"""The push feed: quotes that other processes have handed in, in the order in which they fell due.

A quote has a time of its own, or that of its receipt. It is *due* at its own time, or, where it came later than GRACE
after that, at its receipt less GRACE. The feed promises everything due before `now - GRACE`: by then all of it has been
received, since nothing is due more than GRACE before its receipt.

    own time   10:00:00.0   received 10:00:00.3   due 10:00:00.0   in its place
    own time   10:00:00.0   received 10:00:09.0   due 10:00:08.5   late: handed on all the same, amends its bar
    own time   10:00:05.0   received 10:00:00.0   due 10:00:00.0   from a clock ahead of ours: stamped with its receipt

A clock that is slow cannot be told from quotes that were long on their way, so nothing is stamped; where one batch
after the other is old it is said.

When a quote is due follows from its entry alone, and no entry is added to an interval that was read (`ingress`). So
reading is repeatable, and the data time that the publisher writes down with each batch is all the cursor there is:

    A: reads [10:00:00, 10:00:01) | killed before it published
    B:                            | takes up at 10:00:00, reads the same quotes, publishes them
    A: reads [10:00:00, 10:00:01) | publishes, killed after it
    B:                                        | takes up at 10:00:01

A cursor of its own, kept beside the publisher's position, would be one step behind or ahead of it after a kill.

However much waits, one read takes in about MOST_TICKS quotes and promises no more than they cover; what it has taken in
it holds in memory until that is published, so the next read goes on behind it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import redis

from thor import failpoints
from thor.connections import redis_client
from thor.env import env
from thor.marketdata import incidents, ingress, stream
from thor.marketdata.events import warn
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.ingress_quotes import BadBatch, RawQuote, Refusal
from thor.marketdata.symbols import canonical
from thor.marketdata.ticks import TickBatch, empty, make

SOURCE: Final = "PUSH"
#: How long (ns) a quote may be on its way and still come in its place; so long every quote waits.
GRACE: Final = 500_000_000
#: By how much (ns) a source's clock may be ahead before it is said.
AHEAD: Final = 1_000_000_000
#: How old (ns) the newest quote of a batch may be at its receipt, and how many such batches in a row are no accident:
#: they are said to be late, and so again after as many more.
BEHIND: Final = 5_000_000_000
BEHIND_IN_A_ROW: Final = 20
#: Ticks of one answer, unless more of them are due at one instant.
MOST_TICKS: Final = 10_000

_COLUMNS: Final = (("price", "last"), ("size", "size"), ("bid", "bid"), ("ask", "ask"))
_SIZES: Final = ("bid_size", "ask_size")


@dataclass(frozen=True, slots=True)
class _Due:
    """A quote, when it is due, its time, its symbol as Thor spells it, and what its entry says of its source."""

    due: int
    at: int
    symbol: str
    quote: RawQuote
    source: str


class PushFeed:
    """Give what was handed in for one venue.

    `reference` holds the figures of days and years that came with the quotes, by symbol: previous_close, open, high,
    low, high_52w, low_52w. Batches carry the source that their entries name, if they agree on one.
    """

    ends_at: int | None = None
    #: Ticks come in the order in which they fell due, and a cut by their own times would not be one by that.
    in_one_piece = True

    def __init__(
        self, venue: str, aliases: dict[str, str], client: redis.Redis | None = None, source: str = SOURCE
    ) -> None:
        """Read the stream of `venue`; nothing is asked of Redis before the first read."""
        self.venue, self.source = venue, source
        self.identity = f"{source}:{venue}"
        self.reference: dict[str, dict[str, float]] = {}
        self._aliases, self._client = aliases, client
        self._entries: dict[str, tuple[int, list[_Due]]] = {}
        #: From and up to when (ns of receipt) all entries are held, and the last of them.
        self._from, self._reached, self._last = 0, 0, ""
        self._said = source
        self._told_until = self._counted_until = 0
        self._behind: dict[str, int] = {}

    def read(self, since: int, until: int) -> TickBatch:
        """Return the ticks that fell due in [since, until), up to GRACE before now; late ones have an older time."""
        if until <= since:
            return empty(watermark=since, source=self._said)
        client = self._client or redis_client()
        if not self._from <= since <= self._reached:
            self._tell_skipped(client, since)
        self._forget(since)
        reached = self._take_in(client, since, until)
        promised = max(since, min(until, reached - GRACE))
        due, promised = _portion(self._due(since, promised), promised)
        failpoints.reach("pushread")
        return self._batch(due, promised)

    def _forget(self, since: int) -> None:
        """Forget entries that are over; all of them where not everything since `since` is held."""
        if not self._from <= since <= self._reached:
            self._entries, self._from, self._reached, self._last = {}, since, since, ""
        self._from = max(self._from, since - GRACE)
        self._entries = {name: kept for name, kept in self._entries.items() if kept[0] >= self._from}

    def _take_in(self, client: redis.Redis, since: int, until: int) -> int:
        """Judge entries that were not read before, until there is enough to publish; return how far all are held."""
        taken, more = 0, not self._is_enough(since)
        while more and taken < MOST_TICKS:
            found = ingress.received(client, self.venue, since, until + GRACE, after=self._last)
            if found.overflowed and since > self._told_until:
                self._tell_overflow(since)
            for name, received_at, fields in found.entries:
                if name not in self._entries:
                    self._entries[name] = (received_at, self._judged(name, received_at, fields))
                    taken += len(self._entries[name][1])
                self._last, self._reached = name, max(self._reached, received_at)
                if taken >= MOST_TICKS:
                    return self._reached
            self._reached, more = max(self._reached, found.reached), found.more
        return self._reached

    def _is_enough(self, since: int) -> bool:
        """Say whether what is held already fills an answer."""
        due = (one.due for _, quotes in self._entries.values() for one in quotes)
        return sum(since <= at < self._reached - GRACE for at in due) >= MOST_TICKS

    def _judged(self, name: str, received_at: int, fields: list[bytes]) -> list[_Due]:
        try:
            batch = ingress.batch_of(fields)
        except BadBatch as error:
            self._tell_refused(name, received_at, [Refusal(0, "", str(error))])
            return []
        self._tell_refused(name, received_at, batch.refused)
        self._tell_ahead(received_at, batch.quotes)
        source = batch.source or self.source
        self._tell_behind(received_at, batch.quotes, source)
        return [_due(quote, received_at, canonical(quote.symbol, self._aliases), source) for quote in batch.quotes]

    def _due(self, since: int, until: int) -> list[_Due]:
        """Return the quotes due in [since, until), in that order; those due at once in the order of their receipt."""
        found = [one for _, quotes in self._entries.values() for one in quotes if since <= one.due < until]
        return sorted(found, key=lambda one: one.due)

    def _batch(self, due: list[_Due], promised: int) -> TickBatch:
        for one in due:
            if one.quote.reference:
                self.reference.setdefault(one.symbol, {}).update(one.quote.reference)
        rows = sorted((one for one in due if one.quote.is_tick), key=lambda one: one.at)
        sources = {one.source for one in rows}
        self._said = sources.pop() if len(sources) == 1 else self.source if sources else self._said
        symbols = tuple(dict.fromkeys(one.symbol for one in rows))
        places = {symbol: code for code, symbol in enumerate(symbols)}
        columns = {name: [_figure(one.quote, field) for one in rows] for name, field in _COLUMNS}
        columns |= {name: [_figure(one.quote, name) for one in rows] for name in _SIZES}
        return make(
            symbols,
            code=[places[one.symbol] for one in rows],
            at=[one.at for one in rows],
            # Without a trade there is nothing to attribute the volume to: the next trade's figure has it.
            cumulative=[_figure(one.quote, "volume" if one.quote.last is not None else "") for one in rows],
            watermark=promised,
            source=self._said,
            **columns,
        )

    def _tell_refused(self, name: str, received_at: int, refused: list[Refusal]) -> None:
        """Report what cannot be used; entries that came through the API were judged there, and hold nothing of it."""
        for one in refused[:10]:
            warn("thor.push.refused", venue=self.venue, entry=name, symbol=one.symbol, reason=one.reason)
        if refused:
            self._report("bad_price", received_at, len(refused), f"entry {name}: {refused[0].reason}")

    def _tell_ahead(self, received_at: int, quotes: list[RawQuote]) -> None:
        ahead = Counter(quote.symbol for quote in quotes if quote.at is not None and quote.at > received_at + AHEAD)
        for symbol, count in ahead.items():
            text = "stamped with the time of receipt; set the clock of the source"
            self._report("ahead", received_at, count, text, canonical(symbol, self._aliases))

    def _tell_behind(self, received_at: int, quotes: list[RawQuote], source: str) -> None:
        """Report a source of which every batch is old when it comes: its clock is slow, or what it sends waits."""
        times = [quote.at for quote in quotes if quote.at is not None]
        if not times:
            return
        behind = received_at - max(times)
        self._behind[source] = self._behind.get(source, 0) + 1 if behind > BEHIND else 0
        if self._behind[source] >= BEHIND_IN_A_ROW:
            text = f"clock behind: quotes are {behind / 1e9:.0f} s old when they come; set the clock of the source"
            self._report("late", received_at, self._behind[source], f"{source}: {text}, or see what delays it")
            self._behind[source] = 0

    def _tell_overflow(self, since: int) -> None:
        self._told_until = since + 60 * 10**9
        text = f"more than {ingress.MOST_ENTRIES} batches waited for the feed; send larger batches, or keep it running"
        warn("thor.push.overflow", venue=self.venue, reason=text)
        self._report("overflow", since, 1, text)

    def _tell_skipped(self, client: redis.Redis, since: int) -> None:
        """Report what was handed in, and is not read by anybody: this feed begins behind it."""
        known = stream.position(client, self.venue)
        read_until = max(known.watermark if known is not None else 0, self._reached - GRACE, self._counted_until)
        # Counting much may cost the lease: whoever takes it up again counts what came since.
        self._counted_until = since
        count = ingress.waiting(client, self.venue, read_until, since) if read_until < since else 0
        if count:
            text = (
                f"{count} batches were handed in while no feed read them, too long ago to be published; keep it running"
            )
            warn("thor.push.skipped", venue=self.venue, batches=count, reason=text)
            self._report("lost", since, count, text)

    def _report(self, kind: str, at: int, count: int, detail: str, symbol: str = "") -> None:
        when = datetime.fromtimestamp(at // 1000 / 1e6, UTC)
        incidents.report(self.venue, kind, symbol, source=self.source, at=when, count=count, detail=detail)


def open_feeds(request: FeedRequest) -> list[Feed]:
    """Return a push feed a venue: those wanted, else every venue that has an active instrument."""
    refuse_replay("push")
    venues = list(request.venues or request.instruments)
    if not venues:
        raise FeedRefused("there is no active instrument that quotes could be pushed for; run manage.py migrate.")
    return [PushFeed(venue, request.aliases) for venue in venues]


def refuse_replay(name: str) -> None:
    """Refuse a clock that does not live in the present: what is handed in is received now."""
    if env().clock == "replay":
        raise FeedRefused(f"the {name} feed is live and cannot keep step with a replay; unset THOR_CLOCK.")


def _due(quote: RawQuote, received_at: int, symbol: str, source: str) -> _Due:
    at = received_at if quote.at is None else min(quote.at, received_at)
    return _Due(max(at, received_at - GRACE), at, symbol, quote, source)


def _portion(due: list[_Due], promised: int) -> tuple[list[_Due], int]:
    """Return no more than MOST_TICKS quotes and what may be promised then: nobody may cut between two that are late."""
    if len(due) <= MOST_TICKS:
        return due, promised
    cut = due[MOST_TICKS].due
    if cut == due[0].due:
        cut = next((one.due for one in due if one.due > cut), promised)
    return [one for one in due if one.due < cut], cut


def _figure(quote: RawQuote, name: str) -> float:
    value = getattr(quote, name) if name else None
    return float("nan") if value is None else float(value)
