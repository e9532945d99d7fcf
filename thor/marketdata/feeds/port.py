"""The port of all feeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from thor.errors import ThorError
from thor.marketdata.symbols import ALIASES
from thor.marketdata.ticks import TickBatch


class FeedRefused(ThorError):
    """A feed cannot be opened as it was asked for; the message names what to change."""


class Feed(Protocol):
    """Give the ticks of one venue."""

    venue: str
    #: What every batch, snapshot and bar says about its origin: SIMULATED, REPLAY, …
    source: str
    #: Source and settings: a publisher continues where it stopped only if this is the same.
    identity: str
    #: The last data time (ns) at which this feed has anything, or None where it never ends.
    ends_at: int | None

    def read(self, since: int, until: int) -> TickBatch:
        """Return the ticks with exchange time in [since, until), in order, and a watermark of at most `until`.

        Times in ns since the epoch. Asking again for an interval is allowed; a source that can repeat itself gives
        the same ticks, however the interval is cut into pieces.
        """


@dataclass(frozen=True, slots=True)
class Traded:
    """What a feed needs to know of an instrument; prices in the instrument's currency."""

    symbol: str
    tick_size: float
    kind: str


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """What a feed is opened with: the venues wanted (empty: all it has), files, seed, instruments by venue."""

    venues: Sequence[str] = ()
    files: Sequence[str] = ()
    seed: int = 1
    instruments: dict[str, list[Traded]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=lambda: dict(ALIASES))
