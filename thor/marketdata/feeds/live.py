"""What live sources have in common: a thread that listens, a bounded buffer, reconnection, silence, late ticks.

    the link              what the feed does
    opens                 subscribes; the incident DISCONNECTED ends, where silence was the reason with the first
                          tick; so does the growth of the pause between tries
    gives ticks           keeps them until the publisher asks
    gives nothing for     takes it for broken, and opens another
    `silence.tick_limit`
    breaks, or does not   incident DISCONNECTED; again after 1, 2, 4 ... 60 s, each shortened by chance by up to a half,
    open                  so that many do not come back at once
    is refused            the first time: the feed is refused, as it cannot work. Later: like a link that breaks
    gives what cannot     counted as LOST; the link stays
    be read
    is faster than we     the oldest ticks go; incident OVERFLOW says how many

A source of prices serves one connection an account, so only the process that feeds the venue listens: it begins with
the first `read` and ends with `rest`. While Redis is away ticks wait in the buffer (`buffer.Buffer`), and what
was read and not published is given again.

A tick waits for GRACE, in case that an older one comes after it: then they are in order. What comes later than that is
handed on with its own time all the same, and amends its bar. What a source gave while nobody listened is not asked for
again: the watermark moves on, and the incident (DISCONNECTED, or LOST after a restart or a takeover) says from when to
when.

    thread of the link      nothing but the link: it must not wait for anybody
    thread beside it        figures of reference, and how long silence may last by the venue's hours (the database)
    the publisher's         takes the ticks, and reports what the link has said of itself
"""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from thor.errors import ThorError
from thor.marketdata import incidents, silence
from thor.marketdata.events import emit, warn
from thor.marketdata.feeds.buffer import MOST_WAITING, Buffer, Tick
from thor.marketdata.feeds.port import FeedRefused
from thor.marketdata.feeds.unheard import Unheard
from thor.marketdata.guard import AHEAD
from thor.marketdata.models import FeedIncident
from thor.marketdata.ticks import TickBatch, empty, make
from thor.markets.registry import drop_connection
from thor.timing import SystemClock, micros

#: Nanoseconds for which a tick waits for older ones.
GRACE: Final = 250_000_000
#: Seconds for a connection to open and take the subscription, and for it to close.
OPENING: Final = 10.0
CLOSING: Final = 2.0
#: Seconds between two looks whether anything came, and between two questions about figures of reference.
LOOK: Final = 0.5
REFERENCE_AGAIN: Final = 60.0
#: The first and the longest pause, in seconds, before a link is opened again.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0

Kind = FeedIncident.Kind


class LinkRefused(ThorError):
    """The source does not know these keys, or does not allow what was asked for."""


class LinkMute(ThorError):
    """The source is connected, and gives nothing although its venue is open."""


class Unreadable(ThorError):
    """The source sent something that is no message; `ticks` are what could be read beside it."""

    def __init__(self, message: str, count: int = 1, ticks: "Sequence[Tick]" = ()) -> None:
        """Take what was wrong, how often, and the ticks that came with it."""
        super().__init__(message)
        self.count, self.ticks = count, list(ticks)


class Link(Protocol):
    """One connection to a source after another."""

    #: The date (ISO) of the session whose figures `reference` gave last, or None: that in which it was asked.
    reference_of: str | None

    async def open(self) -> None:
        """Connect, prove who we are, subscribe; raise `LinkRefused`, or whatever goes wrong."""

    async def receive(self) -> list[Tick]:
        """Wait for the next ticks; raise `Unreadable` for what is none, anything else where the link broke."""

    async def close(self) -> None:
        """Close the connection, if there is one."""

    def reference(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the source knows of its symbols beside ticks (see `quotes.REFERENCE`); may take seconds."""


def pauses(chance: Callable[[], float] = random.random) -> Iterator[float]:
    """Give the seconds to wait before each try: 1, 2, 4 ... 60, less a chance share of up to a half."""
    pause = FIRST_PAUSE
    while True:
        yield pause * (1 - chance() / 2)
        pause = min(2 * pause, LONGEST_PAUSE)


class LiveFeed:
    """Give what has come in over a link, in order, up to GRACE before now."""

    ends_at: int | None = None

    def __init__(self, venue: str, source: str, identity: str, link: Link, *, most: int = MOST_WAITING) -> None:
        """Prepare; nothing is connected before the first read."""
        self.venue, self.source, self.identity = venue, source, identity
        self.reference: Mapping[str, Mapping[str, float]] = {}
        self.reference_of: str | None = None
        self._link = link
        self._buffer = Buffer(most)
        self._stop = threading.Event()
        self._listener: threading.Thread | None = None
        self._refusal = ""
        self._connected = self._ever_connected = self._was_mute = False
        self._unheard = Unheard(venue, source)
        self._news: deque[Callable[[], None]] = deque(maxlen=10_000)
        self._silence_limit: timedelta | None = None
        self._clock = SystemClock()

    def read(self, since: int, until: int) -> TickBatch:
        """Return what has come with a time before `until` less GRACE, late ticks first; begin to listen."""
        while self._news:
            self._news.popleft()()
        if self._refusal:
            raise FeedRefused(self._refusal)
        self._listen()
        self._unheard.begin(since)
        promised = max(since, until - GRACE)
        if promised == since:
            # Where the promise does not move, the next read could not tell whether late ticks were published.
            return empty(watermark=since, source=self.source)
        ticks, dropped = self._buffer.take(since, promised)
        if dropped:
            detail = f"{dropped} at once; Redis was away, or this machine is too slow"
            incidents.report(
                self.venue, Kind.OVERFLOW, source=self.source, at=self._clock.now(), count=dropped, detail=detail
            )
        return self._batch(ticks, promised) if ticks else empty(watermark=promised, source=self.source)

    def rest(self) -> None:
        """Stop listening: another process feeds the venue, or this one ends."""
        listener, self._listener = self._listener, None
        self._stop.set()
        self._unheard.rest()
        if listener is not None:
            listener.join(CLOSING)
        self._buffer.clear()

    def _batch(self, ticks: list[Tick], promised: int) -> TickBatch:
        columns = dict(zip(Tick._fields, zip(*ticks, strict=True), strict=True))
        names = columns.pop("symbol")
        symbols = tuple(dict.fromkeys(names))
        place = {symbol: code for code, symbol in enumerate(symbols)}
        code = [place[name] for name in names]
        return make(symbols, code=code, watermark=promised, source=self.source, **columns)

    def _listen(self) -> None:
        if self._listener is not None and self._listener.is_alive():
            return
        self._stop = stop = threading.Event()
        self._listener = threading.Thread(
            target=self._run, args=(stop,), name=f"{self.source.lower()} {self.venue}", daemon=True
        )
        self._listener.start()
        threading.Thread(target=self._look_beside, args=(stop,), name=f"beside {self.venue}", daemon=True).start()

    def _run(self, stop: threading.Event) -> None:
        asyncio.run(self._stay_connected(stop))

    async def _stay_connected(self, stop: threading.Event) -> None:
        waits = pauses()
        while not stop.is_set():
            heard = False
            try:
                await self._open()
                async for _ in self._ticks(stop):
                    heard = True
            except LinkRefused as error:
                if not self._ever_connected:
                    self._refusal = str(error)
                    return
                self._broke(str(error))
            except Exception as error:  # whatever a library raises: the answer is always another try
                self._was_mute = isinstance(error, LinkMute)
                self._broke(str(error) or type(error).__name__)
            finally:
                await self._close()
            if heard:
                waits = pauses()
            await self._pause(stop, next(waits))

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(OPENING):
                await self._link.open()
        except TimeoutError:
            raise ConnectionError(f"it did not answer within {OPENING:g} s") from None
        self._connected = self._ever_connected = True
        emit("thor.feed.connected", venue=self.venue, source=self.source)
        self._news.append(partial(self._unheard.end, self._clock.now()))
        if not self._was_mute:
            self._mended()

    async def _ticks(self, stop: threading.Event) -> AsyncIterator[None]:
        """Put what comes into the buffer, and say so each time, until stopped or silent for too long."""
        heard_at = time.monotonic()
        while not stop.is_set():
            try:
                async with asyncio.timeout(LOOK):
                    ticks = await self._link.receive()
            except TimeoutError:
                ticks = []
            except Unreadable as error:
                self._tell(Kind.LOST, str(error), error.count)
                ticks = error.ticks
            if ticks:
                heard_at = time.monotonic()
                self._buffer.put(self._on_time(ticks))
                if self._was_mute:
                    self._mended()
                yield
            else:
                self._refuse_silence(timedelta(seconds=time.monotonic() - heard_at))

    def _refuse_silence(self, length: timedelta) -> None:
        limit = self._silence_limit
        if limit is not None and length > limit:
            raise LinkMute(f"it is connected and gave nothing for {limit.total_seconds():g} s")

    def _on_time(self, ticks: list[Tick]) -> list[Tick]:
        """Stamp what is ahead of our clock with the time at which it came."""
        now = micros(self._clock.now()) * 1000
        ahead = [tick for tick in ticks if tick.at > now + AHEAD]
        if not ahead:
            return ticks
        furthest = (max(tick.at for tick in ahead) - now) / 1e9
        self._tell(Kind.AHEAD, f"{furthest:.10g} s ahead: compare the clock of this machine", len(ahead))
        return [tick._replace(at=min(tick.at, now)) if tick.at > now + AHEAD else tick for tick in ticks]

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSING):
                await self._link.close()
        except Exception as error:
            emit("thor.feed.close_failed", venue=self.venue, reason=error)

    async def _pause(self, stop: threading.Event, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not stop.is_set() and time.monotonic() < end:
            await asyncio.sleep(min(0.1, seconds))

    def _mended(self) -> None:
        self._was_mute = False
        self._news.append(partial(incidents.end, self.venue, Kind.DISCONNECTED, at=self._clock.now()))

    def _broke(self, reason: str) -> None:
        if self._connected or not self._ever_connected:
            warn("thor.feed.disconnected", venue=self.venue, source=self.source, reason=reason)
        self._connected = False
        self._tell(Kind.DISCONNECTED, reason)

    def _tell(self, kind: str, detail: str, count: int = 1) -> None:
        """Leave an incident for the publisher's thread: this one must not wait for a database."""
        at = self._clock.now()
        self._news.append(
            partial(incidents.report, self.venue, kind, source=self.source, at=at, count=count, detail=detail)
        )

    def _look_beside(self, stop: threading.Event) -> None:
        """Keep the limit of silence and the figures of reference current; without an answer the last ones stand."""
        told, due = "", 0.0
        while not stop.is_set():
            try:
                self._silence_limit = silence.tick_limit(self.venue, self._clock.now())
                if time.monotonic() >= due:
                    due = time.monotonic() + REFERENCE_AGAIN
                    found = self._link.reference()
                    self.reference_of, self.reference = self._link.reference_of, found
                told = ""
            except Exception as error:  # whatever a library raises: the next try finds out
                if type(error).__name__ != told:
                    warn("thor.feed.reference_unknown", venue=self.venue, source=self.source, reason=error)
                told = type(error).__name__
            stop.wait(1)
        drop_connection()
