"""Read and write the book of a venue in Redis: one optimistic transaction a pass.

    pass A: WATCH, read the book, read ticks 1..9 ........ MULTI, write, EXEC -> done
    pass B:    WATCH, read the book, read ticks 1..9, fold ............ EXEC -> refused: the book has moved

The watch stands from before the first read, so the write of a pass is carried out only if no other pass has written
since. A pass that is killed has written nothing. Bars, marks and the place up to which ticks were read go together.
"""

import functools
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

import redis
from redis.client import Pipeline

from thor.marketdata import keys, minutes, totals
from thor.marketdata.events import warn
from thor.marketdata.foldbook import Book, Place
from thor.marketdata.minutes import MinuteTable
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable

#: Marks that wait to be stored are kept for two days of data time; older ones give way, and that is said.
MARKS_KEPT = 2880

#: Per venue the session (open, close; ns) that was found last: a pass asks for each of its minutes.
_running: dict[str, tuple[int, int]] = {}

_PLACE, _TOTALS, _BASELINE, _SESSION = b"place", b"totals", b"baseline", b"session"
_FIELDS = {_PLACE, _TOTALS, _BASELINE, _SESSION, b"session_open", b"sequence"}


def read(pipe: Pipeline, venue: str) -> Book:
    """Return the book of a venue and keep watching it on `pipe` until `write` or the pipe's reset."""
    key = keys.minutes(venue)
    pipe.watch(key)  # type: ignore[no-untyped-call]
    wanted = [_PLACE, _TOTALS, _BASELINE, _SESSION, b"session_open"]
    place, sums, baseline, session, opened = cast("list[bytes | None]", pipe.hmget(key, wanted))
    names = cast("list[bytes]", pipe.hkeys(key))

    def load(minute: int) -> MinuteTable:
        raw = cast("bytes | None", pipe.hget(key, str(minute)))
        return minutes.decode(minute, raw) if raw else MinuteTable(minute)

    return Book(
        place=Place(**json.loads(place)) if place else Place(),
        totals=totals.decode(sums),
        baseline={symbol: tuple(known) for symbol, known in json.loads(baseline or b"{}").items()},
        known={int(name) for name in names if name not in _FIELDS},
        load=load,
        session_of=functools.partial(session_open, venue),
        session=minutes.decode(int(opened), session) if session and opened else None,
    )


def write(pipe: Pipeline, venue: str, book: Book) -> None:
    """Write the book and hand on what it has finished, or raise `redis.WatchError` if another pass was first."""
    key = keys.minutes(venue)
    pipe.multi()
    pipe.hset(key, mapping=cast("dict[Any, Any]", _mapping(book)))
    gone = [str(minute) for minute in book.retired - set(book.tables)]
    if gone:
        pipe.hdel(key, *gone)
    if book.closed:
        pipe.rpush(keys.closed_bars(venue), *book.closed)
    if book.marks:
        _add_marks(pipe, keys.marks(venue), dict(book.marks))
    *_, dropped = pipe.execute()
    if book.marks and dropped:
        warn("thor.marks.dropped", venue=venue, marks=dropped, kept=MARKS_KEPT)


def _add_marks(pipe: Pipeline, key: str, marks: dict[int, bytes]) -> None:
    """Add marks by their minutes (ns), each in the place of what another run has said of its minute."""
    for minute in marks:
        pipe.zremrangebyscore(key, minute // 10**9, minute // 10**9)
    pipe.zadd(key, {mark: minute // 10**9 for minute, mark in marks.items()})
    pipe.zremrangebyrank(key, 0, -MARKS_KEPT - 1)


def session_open(venue: str, at: int) -> int | None:
    """Return when the venue's session at `at` opened (both in ns), breaks included, or None outside its sessions."""
    known = _running.get(venue)
    if known and known[0] <= at < known[1]:
        return known[0]
    instant = datetime.fromtimestamp(at // 10**9, UTC)
    try:
        near = sessions_of(venue).around(instant, instant)
    except (UnknownMarket, CalendarUnavailable):
        return None  # bars are folded all the same
    running = next((one for one in near if one.open <= instant < one.close), None)
    if running is None:
        return None
    _running[venue] = (round(running.open.timestamp()) * 10**9, round(running.close.timestamp()) * 10**9)
    return _running[venue][0]


def session(client: redis.Redis, venue: str) -> MinuteTable | None:
    """Return the figures of the venue's running or last session so far, as the fold has last written them."""
    opened, raw = cast("list[bytes | None]", client.hmget(keys.minutes(venue), [b"session_open", _SESSION]))
    return minutes.decode(int(opened), raw) if opened and raw else None


def open_minutes(client: redis.Redis, venue: str) -> dict[int, MinuteTable]:
    """Return the minutes (ns) that are open or may still be amended, as the fold has last written them."""
    raw = cast("dict[bytes, bytes]", client.hgetall(keys.minutes(venue)))
    return {int(name): minutes.decode(int(name), text) for name, text in raw.items() if name not in _FIELDS}


def _mapping(book: Book) -> dict[bytes, bytes]:
    found = {
        _PLACE: json.dumps(asdict(book.place)).encode(),
        _BASELINE: json.dumps(book.baseline).encode(),
        b"sequence": str(book.place.sequence).encode(),
        _SESSION: book.session.encode() if book.session else b"",
        b"session_open": str(book.session.minute if book.session else "").encode(),
    }
    if book.totals.changed:
        found[_TOTALS] = book.totals.encode()
    found.update({str(minute).encode(): table.encode() for minute, table in book.tables.items()})
    return found
