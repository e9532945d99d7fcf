"""The loop of the feed process: about four turns a second for each venue, until it is told to stop.

Redis going away is not the end: it is said once, the loop tries again every half second, and goes on from where the
stream says that publishing has come.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import redis

from thor.leadership.lease import LeaseUnreachable
from thor.marketdata import incidents
from thor.marketdata.events import emit, warn
from thor.marketdata.feeds.port import Feed, FeedRefused
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.upkeep import Upkeep
from thor.timing import Clock, ReplayClock, micros

#: Real seconds between two turns, and between two tries while Redis is away.
PAUSE = 0.25
RETRY = 0.5

_LOST = (redis.ConnectionError, redis.TimeoutError, LeaseUnreachable)


def begin(feed: Feed, clock: Clock, replay_start: datetime | None) -> Begin:
    """Say where a feed begins by the clock of the process; refuse a recording that ends before that.

    A replay clock has a beginning, and every feed of it starts there, whenever its process does. By the system's clock
    a live feed begins now, and a recording at THOR_REPLAY_START (then as fast as it can be read).
    """
    if isinstance(clock, ReplayClock):
        name = f"{feed.identity}@{clock.start.isoformat()}/{micros(clock.wall_origin)}"
        found = Begin(name, at=micros(clock.start) * 1000)
    elif feed.ends_at is None:
        return Begin(feed.identity)
    else:
        start = replay_start or clock.now()
        name = f"{feed.identity}@{replay_start.isoformat() if replay_start else ''}"
        found = Begin(name, at=micros(start) * 1000)
    if feed.ends_at is not None and found.at is not None and feed.ends_at < found.at:
        raise FeedRefused(
            f"the replay files of {feed.venue} end at {_iso(feed.ends_at)}, before the replay begins at "
            f"{_iso(found.at)}; set THOR_CLOCK=replay and THOR_REPLAY_START to a time in the files."
        )
    return found


def run(publishers: Sequence[Publisher], clock: Clock, stop: threading.Event) -> None:
    """Publish until `stop` is set, then give the leases up; what needs the database is done by a thread beside."""
    upkeep = Upkeep(publishers, clock)
    upkeep.load()
    with incidents.written_behind(upkeep.once):
        try:
            _run(publishers, clock, stop)
        finally:
            _stop(publishers)


def _run(publishers: Sequence[Publisher], clock: Clock, stop: threading.Event) -> None:
    away = False
    while not stop.is_set():
        try:
            more = _turns(publishers, clock, stop)
        except _LOST as error:
            if not away:
                warn("thor.feed.redis_lost", reason=error, next="trying again every half second")
            away = True
            for publisher in publishers:
                publisher.lose()
            stop.wait(RETRY)
            continue
        if away:
            emit("thor.feed.redis_back")
            away = False
        if not more:
            stop.wait(PAUSE)


def _turns(publishers: Sequence[Publisher], clock: Clock, stop: threading.Event) -> bool:
    """Give every venue a turn; return whether one of them has more to publish at once."""
    more = False
    for publisher in publishers:
        if stop.is_set():
            return False
        more = publisher.turn(micros(clock.now()) * 1000) or more
    return more


def _stop(publishers: Sequence[Publisher]) -> None:
    for publisher in publishers:
        try:
            publisher.stop()
        except _LOST:
            return  # without Redis there is no lease to give up: it expires by itself


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at // 10**9, UTC).isoformat()
