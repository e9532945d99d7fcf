"""Read the workbook once, and hand its quotes in.

    reader A: takes the lock, reads .............. (a slow disk) | the lock has expired: hands nothing in
    reader B:                                     takes the lock, reads, hands in, releases its own lock

The lock `live_data:excel_lock` holds a token of its reader. It is released, and the quotes are appended, only while it
still does: neither is another reader's lock taken away, nor are older prices put behind newer ones.

What the rows said is kept in Redis, whoever reads next, and only rows that say something else are handed in; all of
them where another feed process reads the stream by now, since it may have begun behind what was handed in.

    killed between handing in and keeping   the next reader hands the same rows in again: no volume comes twice, since
                                            it is that of the day so far
    an answer of Redis lost, asked again    each batch is taken once, by its note `excel_taken`
"""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, cast

import redis

from thor.connections import redis_client
from thor.env import env
from thor.leadership.lease import RedisLease
from thor.marketdata import incidents, ingress, keys, poll
from thor.marketdata.events import emit, warn
from thor.marketdata.feeds.choice import venues_of
from thor.marketdata.ingress_quotes import Batch
from thor.marketdata.workbook import WorkbookAway

#: How long a reader may take before another one may begin.
LOCK_TIME: Final = timedelta(seconds=10)

#: Seconds for which it is known that a batch was taken: longer than any client asks again.
TAKEN_FOR: Final = 60

_KEEP: Final = """
if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('SET', KEYS[1], ARGV[1]) end
"""

_said = poll.Said()


def venues() -> tuple[str, ...]:
    """Return the venues that THOR_FEED gives to the excel feed; usually none, or one."""
    return venues_of(env().feed, "excel")


def poll_workbook(*, market: str, at: datetime) -> dict[str, Any]:
    """Read the workbook, and append what is news of its quotes for the venue; return how much of each kind there was.

    Where nothing could be read, `waiting` says why in a sentence; the next poll tries again.
    """
    if not env().excel_file:  # where Excel runs elsewhere, that is as it should be
        return {"waiting": "THOR_EXCEL_FILE names no workbook, so its quotes are expected to be pushed"}
    client = redis_client()
    lock, token = RedisLease(client, keys.EXCEL_LOCK), secrets.token_hex(8)
    if not lock.acquire(token, LOCK_TIME):
        return {"waiting": "another read of the workbook is under way"}
    try:
        return _handed_in(client, market, at, token)
    except WorkbookAway as error:
        _tell_away(client, market, at, str(error))
        return {"waiting": str(error)}
    except ingress.LockLost:
        return {"waiting": "the read took so long that another one has begun; nothing of it was handed in"}
    finally:
        lock.release(token)


def _handed_in(client: redis.Redis, market: str, at: datetime, token: str) -> dict[str, Any]:
    reading = poll.read_workbook(at)
    reader = _reader(client, market)
    news = reading.news(_rows_before(client, market, reader))
    for number, batch in enumerate(poll.batches(news)):
        _append(client, market, batch, token, f"{token}:{number}")
    if news:
        kept = json.dumps({"reader": reader, "rows": reading.rows})
        client.register_script(_KEEP)(keys=[keys.excel_read(market), keys.EXCEL_LOCK], args=[kept, token])
    _said.say(reading.sheet)
    for trouble in reading.sheet.troubles:
        incidents.report(market, "bad_cell", trouble.symbol, source=poll.SOURCE, at=at, detail=trouble.text())
    _tell_back(client, market, at)
    return {**reading.counts, "news": len(news)}


def _append(client: redis.Redis, market: str, batch: Batch, token: str, name: str) -> None:
    try:
        once = keys.excel_taken(name), TAKEN_FOR
        ingress.append(client, market, batch, once=once, held=(keys.EXCEL_LOCK, token))
    except ingress.AlreadyTaken:
        return  # at a first try whose answer was lost


def _rows_before(client: redis.Redis, market: str, reader: str) -> poll.Rows:
    """Return what the rows said when they were handed in last to this reader of the stream."""
    kept = json.loads(cast("bytes | None", client.get(keys.excel_read(market))) or "{}")
    return kept["rows"] if kept.get("reader") == reader else {}


def _reader(client: redis.Redis, market: str) -> str:
    """Return which feed process reads the stream of a venue, or nothing where none does."""
    return (cast("bytes | None", client.get(keys.feed_lease(market))) or b"").decode()


def _tell_away(client: redis.Redis, market: str, at: datetime, reason: str) -> None:
    """Say once that the workbook gives nothing, and keep that in mind for all processes."""
    if client.set(keys.excel_away(market), reason, get=True) != reason.encode():
        warn("thor.excel.away", venue=market, reason=reason)
    incidents.report(market, "disconnected", source=poll.SOURCE, at=at, detail=reason)


def _tell_back(client: redis.Redis, market: str, at: datetime) -> None:
    if client.delete(keys.excel_away(market)):
        emit("thor.excel.back", venue=market)
        incidents.end(market, "disconnected", at=at)
