"""The buffer of a live feed, from the thread that listens to the publisher.

What was read is kept until the next read says, by where it begins, how much of it was published; the rest is given
again.

    the next read begins       what was read before
    where it ended             was published
    in its midst               was published up to there: late ticks go with the first part
    where it began             was not published
    later than it ended        was not: publishing begins anew, as Redis has lost its place, or was away for long
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

#: Ticks that wait for the publisher at most: some seconds of the busiest, or minutes of an outage of Redis.
MOST_WAITING: Final = 200_000


class Tick(NamedTuple):
    """One tick of a live source; times in ns, NaN for what it does not carry."""

    at: int
    symbol: str
    price: float = np.nan
    size: float = np.nan
    bid: float = np.nan
    ask: float = np.nan
    bid_size: float = np.nan
    ask_size: float = np.nan


class Buffer:
    """Ticks on their way from the thread that listens to the publisher; full, it drops the oldest and counts them."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        """Take the greatest number of ticks that may wait."""
        self._most = most
        self._waiting: deque[Tick] = deque()
        self._handed = _Handed()
        self._dropped = 0
        self._lock = threading.Lock()

    def put(self, ticks: list[Tick]) -> None:
        """Add ticks in the order in which they came."""
        with self._lock:
            self._waiting.extend(ticks)
            self._drop()

    def take(self, since: int, until: int) -> tuple[list[Tick], int]:
        """Hand out the ticks before `until` (ns) in order of time, and say how many were dropped since the last call.

        `since` says how far the ticks handed out before were published; those that were not are handed out again.
        """
        with self._lock:
            self._waiting.extendleft(reversed(self._handed.unpublished(since)))
            self._drop()
            taken, self._waiting = self._waiting, deque()
            dropped, self._dropped = self._dropped, 0
            due = sorted((tick for tick in taken if tick.at < until), key=lambda tick: tick.at)
            self._waiting.extend(tick for tick in taken if tick.at >= until)
            self._handed = _Handed(since, until, due)
        return due, dropped

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._waiting.clear()
            self._handed = _Handed()
            self._dropped = 0

    def _drop(self) -> None:
        while len(self._waiting) > self._most:
            self._waiting.popleft()
            self._dropped += 1


class _Handed(NamedTuple):
    """What was handed out last: the interval, and its ticks, late ones among them."""

    since: int = 0
    until: int = 0
    ticks: Sequence[Tick] = ()

    def unpublished(self, since: int) -> Sequence[Tick]:
        """Return what was not published, if publishing has come to `since`."""
        if since == self.until:
            return ()
        in_part = self.since < since < self.until
        return [tick for tick in self.ticks if tick.at >= since] if in_part else self.ticks
