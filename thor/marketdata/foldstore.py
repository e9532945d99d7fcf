"""Read and write the book of a venue in Redis: one optimistic transaction a pass.

    pass A: WATCH, read the book, read ticks 1..9 ........ MULTI, write, EXEC -> done
    pass B:    WATCH, read the book, read ticks 1..9, fold ............ EXEC -> refused: the book has moved

The watch stands from before the first read, so the write of a pass is carried out only if no other pass has written
since. A pass that is killed has written nothing. Bars, marks and the place up to which ticks were read go together.
"""

import json
from dataclasses import asdict
from typing import Any, cast

from redis.client import Pipeline

from thor.marketdata import keys, minutes, totals
from thor.marketdata.foldbook import Book, Place
from thor.marketdata.minutes import MinuteTable

#: Marks that wait to be stored are kept for two days of data time; older ones give way.
MARKS_KEPT = 2880

_PLACE, _TOTALS, _BASELINE = b"place", b"totals", b"baseline"
_FIELDS = {_PLACE, _TOTALS, _BASELINE, b"sequence"}


def read(pipe: Pipeline, venue: str) -> Book:
    """Return the book of a venue and keep watching it on `pipe` until `write` or the pipe's reset."""
    key = keys.minutes(venue)
    pipe.watch(key)  # type: ignore[no-untyped-call]
    place, sums, baseline = cast("list[bytes | None]", pipe.hmget(key, [_PLACE, _TOTALS, _BASELINE]))
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
        pipe.rpush(keys.closed_bars(venue), *(bar.encode() for bar in book.closed))
    if book.marks:
        pipe.zadd(keys.marks(venue), {mark: minute // 10**9 for minute, mark in book.marks})
        pipe.zremrangebyrank(keys.marks(venue), 0, -MARKS_KEPT - 1)
    pipe.execute()


def _mapping(book: Book) -> dict[bytes, bytes]:
    found = {
        _PLACE: json.dumps(asdict(book.place)).encode(),
        _TOTALS: book.totals.encode(),
        _BASELINE: json.dumps(book.baseline).encode(),
        b"sequence": str(book.place.sequence).encode(),
    }
    found.update({str(minute).encode(): table.encode() for minute, table in book.tables.items()})
    return found
