"""Remember the spans of a window, so that a question costs a bisection and not a calendar.

Time is cut into chunks of 32 days; the spans of a chunk are computed once, with a margin that keeps those of
a session together. An index belongs to one window and one table of sessions.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import cast

from thor.timing.instants import EARLIEST, EPOCH, LATEST, earlier, later
from thor.timing.session import Sessions
from thor.timing.window import Window, WindowSpan

CHUNK_DAYS = 32
MARGIN = timedelta(days=16)
HORIZON_CHUNKS = 14
"""How far ahead a next span is looked for: a year and a little."""
KEPT_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Opening:
    """Mark a span and until when the window stays open from it on: on into a next span that touches it."""

    start: datetime
    end: datetime
    session_date: date | None
    open_until: datetime


ALL_TIME = Opening(EARLIEST, LATEST, None, LATEST)


@dataclass(frozen=True, slots=True)
class _Chunk:
    spans: list[Opening]
    ends: list[datetime]
    by_session: dict[date | None, tuple[Opening, ...]]


class SpanIndex:
    """Answer which spans of a window lie where."""

    __slots__ = ("_chunks", "_sessions", "_version", "_window")

    def __init__(self, window: Window, sessions: Sessions | None) -> None:
        self._window = window
        self._sessions = sessions
        self._version: object = None
        self._chunks: dict[int, _Chunk] = {}

    def ending_after(self, t: datetime) -> Opening | None:
        """Return the first span that ends after `t`, or None where none begins within a year."""
        number = _number(t)
        for ahead in range(number, number + HORIZON_CHUNKS):
            chunk = self._chunk(ahead)
            i = bisect_right(chunk.ends, t)
            if i < len(chunk.spans):
                return chunk.spans[i]
        return None

    def touching(self, after: datetime, until: datetime) -> Iterator[Opening]:
        """Yield in order the spans that end after `after` and begin by `until`."""
        seen = after
        for number in range(_number(after), _number(until) + 1):
            chunk = self._chunk(number)
            for i in range(bisect_right(chunk.ends, seen), len(chunk.spans)):
                span = chunk.spans[i]
                if span.start > until:
                    return
                seen = span.end
                yield span

    def session_of(self, at: datetime, session_date: date | None) -> tuple[Opening, ...]:
        """Return all spans of a session of which `at` is an instant."""
        return self._chunk(_number(at)).by_session[session_date]

    def _chunk(self, number: int) -> _Chunk:
        version = getattr(self._sessions, "version", None)
        if version != self._version or len(self._chunks) > KEPT_CHUNKS:
            self._chunks.clear()
            self._version = version
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._chunks[number] = self._compute(number)
        return chunk

    def _compute(self, number: int) -> _Chunk:
        start = later(EPOCH, timedelta(days=number * CHUNK_DAYS))
        end = later(start, timedelta(days=CHUNK_DAYS))
        spans = _openings(self._window.spans(self._sessions, earlier(start, MARGIN), later(end, MARGIN)))
        by_session: dict[date | None, tuple[Opening, ...]] = {}
        for span in spans:
            by_session[span.session_date] = (*by_session.get(span.session_date, ()), span)
        return _Chunk(spans, [span.end for span in spans], by_session)


_shared_index = lru_cache(maxsize=256)(SpanIndex)


def span_index(window: Window, sessions: Sessions | None) -> SpanIndex:
    """Return the index that all entries with this window on this table share."""
    try:
        return _shared_index(cast(Hashable, window), cast(Hashable, sessions))
    except TypeError:  # a table that cannot be hashed is not shared
        return SpanIndex(window, sessions)


def _number(t: datetime) -> int:
    return (t - EPOCH).days // CHUNK_DAYS


def _openings(spans: list[WindowSpan]) -> list[Opening]:
    """Note where a next span takes over: of a market around the clock no session's end closes the window."""
    found: list[Opening] = []
    following: WindowSpan | None = None
    for span in reversed(spans):
        goes_on = following is not None and following.start == span.end
        until = following.end if following is not None and goes_on else span.end
        found.append(Opening(span.start, span.end, span.session_date, until))
        following = span
    return found[::-1]
