"""The queue of closed bars of a venue: taken a batch at a time, gone only once they are stored.

    queue  --take-->  processing (one batch, with a number)  --settle-->  gone, or in the dead list

Taking moves a batch to the processing list in one step of Redis. While a batch lies there, whoever takes gets that same
batch: it belongs to a pass that was killed, or to one that is at work. Settling names the number of the batch and does
nothing where another has settled it; the number is never given twice.

    pass A: takes batch 7 | killed    |                                pass A: takes 7 | stores it | settles 7
    pass B:               | takes 7,  | stores it, settles 7           pass B:         | takes 7   | stores it (changes
                                                                                         nothing), settles nothing
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from thor.marketdata import keys
from thor.marketdata.events import warn

#: Bars in one batch.
BATCH = 500
#: Unreadable items that are kept to be looked at; older ones give way, and that is said.
DEAD_KEPT = 10_000

_TAKE = """
local queue, processing, number = KEYS[1], KEYS[2], KEYS[3]
local left = redis.call('LRANGE', processing, 0, ARGV[1] - 1)
if #left > 0 then return {redis.call('GET', number) or redis.call('INCR', number), 1, left} end
local items = redis.call('LRANGE', queue, 0, ARGV[1] - 1)
if #items == 0 then return false end
redis.call('RPUSH', processing, unpack(items))
redis.call('LTRIM', queue, #items, -1)
return {redis.call('INCR', number), 0, items}
"""

_SETTLE = """
local processing, number, dead = KEYS[1], KEYS[2], KEYS[3]
if redis.call('GET', number) ~= ARGV[1] then return -1 end
redis.call('LTRIM', processing, ARGV[2], -1)
redis.call('INCR', number)
for place = 4, #ARGV do redis.call('RPUSH', dead, ARGV[place]) end
local over = redis.call('LLEN', dead) - ARGV[3]
if over <= 0 then return 0 end
redis.call('LTRIM', dead, -ARGV[3], -1)
return over
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that were taken together; `left` where an earlier pass had taken them and has not settled them."""

    number: int
    left: bool
    items: list[bytes]


def take(client: redis.Redis, venue: str) -> Batch | None:
    """Return the batch that is to be stored next, or None where the queue is empty."""
    names = [keys.closed_bars(venue), keys.processing(venue), keys.batch_number(venue)]
    answer = cast("list[Any] | None", client.register_script(_TAKE)(keys=names, args=[BATCH]))
    return None if answer is None else Batch(int(answer[0]), bool(answer[1]), answer[2])


def settle(client: redis.Redis, venue: str, batch: Batch, dead: Sequence[bytes]) -> bool:
    """Take a stored batch off, and set the `dead` of its items aside; return False where another pass has done so."""
    names = [keys.processing(venue), keys.batch_number(venue), keys.dead(venue)]
    arguments: list[Any] = [batch.number, len(batch.items), DEAD_KEPT, *dead]
    dropped = int(cast("int", client.register_script(_SETTLE)(keys=names, args=arguments)))
    if dropped > 0:
        warn("thor.bars.dead_dropped", venue=venue, items=dropped, kept=DEAD_KEPT)
    return dropped >= 0
