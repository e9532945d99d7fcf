"""Read the workbook once, and hand its quotes in.

    reader A: takes the lock, reads .............. (a slow disk) | the lock has expired: hands nothing in
    reader B:                                     takes the lock, reads, hands in, releases its own lock

The lock `live_data:excel_lock` holds a token of its reader. It is released, and the quotes are appended, only while it
still does: neither is another reader's lock taken away, nor are older prices put behind newer ones.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import redis

from thor.connections import redis_client
from thor.env import env
from thor.leadership.lease import RedisLease
from thor.marketdata import incidents, ingress, keys, poll
from thor.marketdata.events import emit, warn
from thor.marketdata.feeds.choice import venues_of
from thor.marketdata.workbook import WorkbookAway

#: How long a reader may take before another one may begin.
LOCK_TIME: Final = timedelta(seconds=10)

_said = poll.Said()


def venues() -> tuple[str, ...]:
    """Return the venues that THOR_FEED gives to the excel feed; usually none, or one."""
    return venues_of(env().feed, "excel")


def poll_workbook(*, market: str, at: datetime) -> dict[str, Any]:
    """Read the workbook and append its quotes for the venue; return how many, and how many cells and rows were bad.

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
    entry = ingress.append(client, market, reading.batch, held=(keys.EXCEL_LOCK, token))
    _said.say(reading.sheet)
    for trouble in reading.sheet.troubles:
        incidents.report(market, "bad_cell", trouble.symbol, source=poll.SOURCE, at=at, detail=trouble.text())
    _tell_back(client, market, at)
    return {**reading.counts, "entry": entry}


def _tell_away(client: redis.Redis, market: str, at: datetime, reason: str) -> None:
    """Say once that the workbook gives nothing, and keep that in mind for all processes."""
    if client.set(keys.excel_away(market), reason, get=True) != reason.encode():
        warn("thor.excel.away", venue=market, reason=reason)
    incidents.report(market, "disconnected", source=poll.SOURCE, at=at, detail=reason)


def _tell_back(client: redis.Redis, market: str, at: datetime) -> None:
    if client.delete(keys.excel_away(market)):
        emit("thor.excel.back", venue=market)
        incidents.end(market, "disconnected", at=at)
