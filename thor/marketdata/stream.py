"""The stream of a venue: batches are appended by one publisher and read by whoever folds them.

Publishing is one atomic script. It appends the batch, moves the publisher's position, writes the latest snapshots, and
does all of it only if the caller still holds the venue's lease and the position is the one that the caller knows: of
two publishers that both believe to feed a venue, the slower one changes nothing, and no tick is published twice.
A batch without ticks replaces the one before it if that had none either, so a quiet weekend leaves one entry.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import redis

from thor.errors import ThorError
from thor.marketdata import keys
from thor.marketdata.events import warn

if TYPE_CHECKING:
    # The columns bring NumPy, which a process that only asks how far a feed has come does not need.
    from thor.marketdata.ticks import TickBatch

#: Ticks stay in the stream for twelve hours of data time once they are folded, longer than any exchange trades by day,
#: so that grading finds them however far it has fallen back; and for twelve hours of real time otherwise.
KEEP_NS = 12 * 3600 * 10**9
KEEP_WALL_MS = 12 * 3600 * 1000
#: Whatever happens, no more than this many batches are kept.
MOST_BATCHES = 100_000

_PUBLISH = """
-- Times are compared as text: a number of this language does not hold all digits of a nanosecond.
local function later(a, b) return #a > #b or (#a == #b and a > b) end
local stream, feed, lease, quotes, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
if redis.call('GET', lease) ~= ARGV[1] then return 'lease' end
local position = redis.call('HGET', feed, 'position') or ''
if position ~= ARGV[2] then return 'moved' end
local fields, place = {}, 13
for i = 1, tonumber(ARGV[9]) * 2 do fields[i] = ARGV[place + i] end
place = place + #fields
local time = redis.call('TIME')
local silent = redis.call('HGET', feed, 'silent')
if ARGV[8] == '0' and silent and silent ~= '' then redis.call('XDEL', stream, silent) end
local id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[7], '*', unpack(fields))
redis.call('HSET', feed, 'position', ARGV[3], 'watermark', ARGV[4], 'sequence', ARGV[5], 'source', ARGV[6],
           'silent', ARGV[8] == '0' and id or '', 'published_at', time[1] .. '.' .. string.format('%06d', time[2]),
           'held', ARGV[10])
if ARGV[12] == '1' then
  redis.call('HDEL', feed, 'ticked')
  redis.call('HSET', feed, 'began', ARGV[13])
end
if later(ARGV[11], redis.call('HGET', feed, 'ticked') or '') then redis.call('HSET', feed, 'ticked', ARGV[11]) end
while place < #ARGV do
  redis.call('HSET', quotes, ARGV[place + 1], ARGV[place + 2])
  redis.call('PUBLISH', channel .. ARGV[place + 1], ARGV[place + 2])
  place = place + 2
end
return id
"""

_TRIM = """
local function before(id, cursor)
  local a, b = string.match(id, '(%d+)-(%d+)')
  local c, d = string.match(cursor, '(%d+)-(%d+)')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a < c or (a == c and b <= d)
end
local time, gone = redis.call('TIME'), 0
local wall = tonumber(time[1]) * 1000 - tonumber(ARGV[3])
for _ = 1, 200 do
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not first then return gone end
  local watermark = 0
  for i = 1, #first[2], 2 do if first[2][i] == 'w' then watermark = tonumber(first[2][i + 1]) end end
  local old = watermark < tonumber(ARGV[2]) and before(first[1], ARGV[1])
  if not old and tonumber(string.match(first[1], '%d+')) >= wall then return gone end
  redis.call('XDEL', KEYS[1], first[1])
  gone = gone + 1
end
return gone
"""


class NotTheFeeder(ThorError):
    """Another process feeds this venue now; this one stands by."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a venue has been published: the run, the data time (ns) that was promised, the next tick's number."""

    run: str
    watermark: int
    sequence: int
    source: str = ""

    def text(self) -> str:
        """Return the one line by which two publishers compare positions."""
        return f"{self.run}|{self.watermark}|{self.sequence}"


def position(client: redis.Redis, venue: str) -> Position | None:
    """Return how far the venue has been published, or None where nothing has been."""
    raw = cast("list[bytes | None]", client.hmget(keys.feed(venue), ["position", "source"]))
    if raw[0] is None:
        return None
    run, watermark, sequence = raw[0].decode().rsplit("|", 2)
    return Position(run, int(watermark), int(sequence), (raw[1] or b"").decode())


def position_after(batch: "TickBatch") -> Position:
    """Return the position to which a stamped batch leads."""
    return Position(batch.run, batch.watermark, batch.first + len(batch), batch.source)


def held(client: redis.Redis, venue: str) -> str:
    """Return what the guard of the venue kept waiting when it last published."""
    return (cast("bytes | None", client.hget(keys.feed(venue), "held")) or b"").decode()


def publish(
    client: redis.Redis,
    venue: str,
    batch: "TickBatch",
    *,
    token: str,
    after: Position | None,
    quotes: Mapping[str, Mapping[str, Any]],
    held: str = "",
    ticked: int | None = None,
    began: int | None = None,
) -> Position:
    """Append a batch (already stamped with its run and number) after a known position; return the new position.

    `held` is what the guard keeps waiting, `ticked` the data time (ns) of the newest tick, or of the begin of the run;
    within a run it only grows: a late tick does not make a venue silent. `began` is the data time (ns) at which a new
    run begins, by default what its first batch promises.
    Raises `NotTheFeeder` where the lease or the position is not the caller's any more.
    """
    from thor.marketdata import ticks

    to = position_after(batch)
    fields = ticks.encode(batch)
    arguments: list[Any] = [
        token,
        after.text() if after else "",
        to.text(),
        to.watermark,
        to.sequence,
        to.source,
        MOST_BATCHES,
        len(batch),
        len(fields),
        held,
        "" if ticked is None else ticked,
        int(after is None or after.run != to.run),
        to.watermark if began is None else began,
    ]
    arguments += [part for pair in fields.items() for part in pair]
    arguments += [part for symbol, quote in quotes.items() for part in (symbol, json.dumps(quote))]
    names = [keys.stream(venue), keys.feed(venue), keys.feed_lease(venue), keys.LATEST_QUOTES, keys.quote_channel("")]
    answer = client.register_script(_PUBLISH)(keys=names, args=arguments)
    if answer in (b"lease", b"moved"):
        raise NotTheFeeder(f"another process feeds {venue} now; this one stands by.")
    return to


def trim(client: redis.Redis, venue: str, *, cursor: str, watermark: int) -> int:
    """Drop batches that are folded and older than KEEP_NS of data time, or than KEEP_WALL_MS."""
    arguments: list[str | int] = [cursor, watermark - KEEP_NS, KEEP_WALL_MS]
    return int(cast(int, client.register_script(_TRIM)(keys=[keys.stream(venue)], args=arguments)))


def read(client: redis.Redis, venue: str, *, after: str, count: int) -> "tuple[list[tuple[str, TickBatch]], str]":
    """Return up to `count` (entry id, batch) after an id, and the last id that was looked at.

    An entry that is no batch is left out and said: it must not stop the entries behind it.
    """
    from thor.marketdata import ticks

    found = []
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(keys.stream(venue), f"({after}", "+", count))
    for entry, fields in entries:
        try:
            found.append((entry.decode(), ticks.decode(fields)))
        except ticks.UnreadableBatch as error:
            warn("thor.feed.unreadable", venue=venue, entry=entry.decode(), reason=error)
    return found, entries[-1][0].decode() if entries else after


def newest_before(client: redis.Redis, venue: str, watermark: int, *, page: int = 64) -> "tuple[str, TickBatch] | None":
    """Return the newest (entry id, batch) that promises no more than `watermark` (ns), or None where none is kept.

    The stream is walked back from its end, so what is near the end is found quickly.
    """
    from thor.marketdata import ticks

    last = "+"
    while True:
        entries = cast(
            "list[tuple[bytes, dict[bytes, bytes]]]", client.xrevrange(keys.stream(venue), last, "-", count=page)
        )
        for entry, fields in entries:
            if int(fields.get(b"w", watermark + 1)) > watermark:
                continue
            try:
                return entry.decode(), ticks.decode(fields)
            except ticks.UnreadableBatch:
                continue  # said where it is read
        if len(entries) < page:
            return None
        last = f"({entries[-1][0].decode()}"
