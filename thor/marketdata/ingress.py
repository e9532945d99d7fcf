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
"""

from typing import Any, Final, cast

import redis

from thor.errors import ThorError
from thor.marketdata import keys
from thor.marketdata.ingress_quotes import Batch, judge

#: Entries that are kept at most, and for how long (ms) what was read stays to be looked at.
MOST_ENTRIES: Final = 10_000
KEPT_MS: Final = 3_600_000
_MS: Final = 1_000_000

_APPEND: Final = """
if ARGV[4] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[4] then return 'lost' end
if ARGV[3] ~= '' and not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[3]) then return 'taken' end
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'batch', ARGV[2])
"""

_READ: Final = """
local time = redis.call('TIME')
local reached = math.min(tonumber(ARGV[2]), tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
if redis.call('EXISTS', KEYS[1]) == 0 then return {reached, {}, 0, 0} end
local about = redis.call('XINFO', 'STREAM', KEYS[1])
local last = ''
for i = 1, #about, 2 do if about[i] == 'last-generated-id' then last = about[i + 1] end end
if tonumber(string.match(last, '%d+')) < reached then
  redis.call('XSETID', KEYS[1], string.format('%.0f-0', reached))
end
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', math.max(tonumber(ARGV[1]) - tonumber(ARGV[3]), 0)))
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local found = {}
if reached > tonumber(ARGV[1]) then
  found = redis.call('XRANGE', KEYS[1], ARGV[1], '(' .. string.format('%.0f-0', reached))
end
return {reached, found, redis.call('XLEN', KEYS[1]), first and first[1] or '0-0'}
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
    (a key, and what it must hold) that the caller still has a lock. Raises `AlreadyTaken` or `LockLost`.
    """
    names = [keys.push(venue), once[0] if once else "", held[0] if held else ""]
    arguments = [MOST_ENTRIES, batch.text(), once[1] if once else "", held[1] if held else ""]
    answer = cast(bytes, client.register_script(_APPEND)(keys=names, args=arguments)).decode()
    if answer == "taken":
        raise AlreadyTaken
    if answer == "lost":
        raise LockLost
    return answer


class Received:
    """The entries of an interval of receipt, and how far (ns) it is complete for good."""

    def __init__(self, answer: list[Any], since: int) -> None:
        """Take the answer of the script."""
        reached, found, length, first = answer
        self.reached = int(reached) * _MS
        self.entries = [(entry.decode(), int(entry.split(b"-")[0]) * _MS, fields) for entry, fields in found]
        # A full stream whose oldest entry came later than what is asked for: some went before they were read.
        self.overflowed = length >= MOST_ENTRIES and int(first.split(b"-")[0]) * _MS > since


def received(client: redis.Redis, venue: str, since: int, until: int) -> Received:
    """Return what was received in [since, until) (ns), as far as that is over; nothing will be added to it."""
    arguments = [since // _MS, -(-until // _MS), KEPT_MS]
    answer = client.register_script(_READ)(keys=[keys.push(venue)], args=arguments)
    return Received(cast("list[Any]", answer), since)


def batch_of(fields: list[bytes]) -> Batch:
    """Return the batch of an entry; raise `BadBatch` where it holds none."""
    pairs = dict(zip(fields[::2], fields[1::2], strict=False))
    return judge(pairs.get(b"batch", b""))
