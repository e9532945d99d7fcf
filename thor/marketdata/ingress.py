"""The way in for other processes: a Redis stream a venue, one entry a batch of quotes as JSON.

    another process --HTTP, signed--> the API --+
    another process --XADD----------------------+--> thor:push:{venue} --> feeds/push.py --> publisher
    the job excel_poll -------------------------+

An entry has one field, `batch`, as `ingress_quotes` describes it, and its id says when it was received, by the clock of
Redis. The stream holds MOST_ENTRIES entries, and nothing that was read more than an hour ago: where no feed reads it,
the oldest go. Whoever appends without this module writes

    XADD thor:push:globex MAXLEN ~ 10000 * batch '{"quotes": [{"symbol": "ES", "last": 6010.25}]}'

*Reading is by time of receipt*, which makes it repeatable: a reader that was killed before it published asks for the
same interval again and gets the same entries. That needs an interval that is over when it is read:

    reader: reads up to 10:00:01                      | would never see this one
    writer:                        clock set back 5 s | appends 09:59:58

so reading and *sealing* are one step: no entry gets an id within what has been read, whatever a clock does.

One read gives AT_ONCE entries at most, and is complete up to the first that it did not give: however much waits,
reading it costs a little memory and a little time at once, here and in Redis.
"""

from typing import Any, Final, cast

import redis

from thor.errors import ThorError
from thor.marketdata import keys
from thor.marketdata.feeds.choice import PUSHED
from thor.marketdata.ingress_quotes import MOST_BYTES, BadBatch, Batch, judge
from thor.marketdata.stream import position

#: Entries that are kept at most, and for how long (ms) what was read stays to be looked at.
MOST_ENTRIES: Final = 10_000
KEPT_MS: Final = 3_600_000
#: Entries that one read gives at most.
AT_ONCE: Final = 50
_MS: Final = 1_000_000

_APPEND: Final = """
if ARGV[3] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then return 'taken' end
if ARGV[4] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[4] then return 'lost' end
local entry = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'batch', ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], entry, 'EX', ARGV[3]) end
return entry
"""

_READ: Final = """
local key, since, until_ms, kept, after, most = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local function ms(id) return tonumber(string.match(id, '%d+')) end
local function id(at) return string.format('%.0f', at) end
local time = redis.call('TIME')
local reached = math.min(until_ms, tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
if redis.call('EXISTS', key) == 0 then
  if reached > 0 then
    redis.call('XADD', key, id(reached) .. '-0', 'batch', '')
    redis.call('XTRIM', key, 'MAXLEN', 0)
  end
  return {reached, {}, 0, '0-0', 0}
end
local about = redis.call('XINFO', 'STREAM', key)
local last = ''
for i = 1, #about, 2 do if about[i] == 'last-generated-id' then last = about[i + 1] end end
if ms(last) < reached then redis.call('XSETID', key, id(reached) .. '-0') end
redis.call('XTRIM', key, 'MINID', '~', id(math.max(since - tonumber(kept), 0)))
local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
local found = {}
if reached > since then
  local from = after ~= '' and ms(after) >= since and ms(after) <= ms(last) and '(' .. after or id(since)
  found = redis.call('XRANGE', key, from, '(' .. id(reached) .. '-0', 'COUNT', most + 1)
end
local length, more = redis.call('XLEN', key), table.remove(found, most + 1)
return {more and ms(more[1]) or reached, found, length, first and first[1] or '0-0', more and 1 or 0}
"""

_COUNT: Final = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
return {#found, #found > 0 and found[#found][1] or ''}
"""


class AlreadyTaken(ThorError):
    """This batch was taken before; it is not taken again."""


class LockLost(ThorError):
    """Somebody else has the lock by now, and what they append is newer."""


def append(
    client: redis.Redis,
    venue: str,
    batch: Batch,
    *,
    once: tuple[str, int] | None = None,
    held: tuple[str, str] | None = None,
) -> str:
    """Append the good quotes of a batch to the stream of a venue; return the id of the entry.

    In the same step `once` (a key, and for how many seconds) makes sure that a batch is taken a single time, and `held`
    (a key, and what it must hold) that the caller still has a lock. Raises `AlreadyTaken` or `LockLost`, or `BadBatch`
    where the entry would be larger than a reader takes.
    """
    text = batch.text()
    _refuse_large(text)
    names = [keys.push(venue), once[0] if once else "", held[0] if held else ""]
    arguments: list[str | int] = [MOST_ENTRIES, text, once[1] if once else "", held[1] if held else ""]
    answer = cast(bytes, client.register_script(_APPEND)(keys=names, args=arguments)).decode()
    if answer == "taken":
        raise AlreadyTaken
    if answer == "lost":
        raise LockLost
    return answer


class Received:
    """Entries of an interval of receipt, how far (ns) it is complete for good with them, and whether more wait."""

    def __init__(self, answer: list[Any], since: int) -> None:
        """Take the answer of the script."""
        reached, found, length, first, more = answer
        self.reached = int(reached) * _MS
        self.more = bool(more)
        self.entries = [(entry.decode(), received_at(entry.decode()), fields) for entry, fields in found]
        # A full stream whose oldest entry came later than what is asked for: some went before they were read.
        self.overflowed = length >= MOST_ENTRIES and received_at(first.decode()) > since


def received(client: redis.Redis, venue: str, since: int, until: int, *, after: str = "") -> Received:
    """Return what was received in [since, until) (ns), as far as that is over; nothing will be added to it.

    Whoever holds everything received since `since` up to the entry `after` is given what follows that.
    """
    arguments: list[str | int] = [since // _MS, -(-until // _MS), KEPT_MS, after, AT_ONCE]
    answer = client.register_script(_READ)(keys=[keys.push(venue)], args=arguments)
    return Received(cast("list[Any]", answer), since)


def is_read(client: redis.Redis, venue: str) -> bool:
    """Say whether a feed process publishes what is handed in for a venue, whatever THOR_FEED says here."""
    known = position(client, venue) if client.exists(keys.feed_lease(venue)) else None
    return known is not None and known.run in [f"{feed.upper()}:{venue}" for feed in PUSHED]


def waiting(client: redis.Redis, venue: str, since: int, until: int) -> int:
    """Return how many entries were received in [since, until) (ns); a few at a time, since they may be large."""
    count, begin, end = client.register_script(_COUNT), str(since // _MS), f"({until // _MS}-0"
    total = 0
    while True:
        found, last = cast("list[Any]", count(keys=[keys.push(venue)], args=[begin, end, AT_ONCE]))
        total += int(found)
        if int(found) < AT_ONCE:
            return total
        begin = f"({last.decode()}"


def received_at(entry: str) -> int:
    """Return when an entry was received (ns), by its id."""
    return int(entry.split("-")[0]) * _MS


def batch_of(fields: list[bytes]) -> Batch:
    """Return the batch of an entry; raise `BadBatch` where it holds none."""
    text = dict(zip(fields[::2], fields[1::2], strict=False)).get(b"batch", b"")
    _refuse_large(text)
    return judge(text)


def _refuse_large(text: str | bytes) -> None:
    if len(text) > MOST_BYTES:
        raise BadBatch(f"a batch has at most {MOST_BYTES // 1024} kB; send several.")
