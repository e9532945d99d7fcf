"""Say what a strategy sees, what it answers, and what every strategy is made of."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final

from thor.trading.features import Features

#: Calendar days after which every position is sold, whatever its strategy thinks of it.
LONGEST_HOLD: Final = 20
#: What the conditions of an entry are worth where nothing else confirms it.
BASIS: Final = 3


class Urgency(StrEnum):
    """When an intent is meant to be carried out: at once, on end-of-day data, or at the next open."""

    IMMEDIATE = "immediate"
    EOD = "eod"
    NEXT_OPEN = "next_open"


class ExitRule(StrEnum):
    """Which rule ended a position."""

    MAX_HOLD = "max_hold"
    TARGET = "target"
    BELOW_SMA_200 = "below_sma_200"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who a strategy is, for the journal and for whoever judges its trades."""

    strategy_id: str
    name: str
    philosophy: str
    edge: str
    risks: str
    caveats: str
    version: str = "1.0.0"
    markets: tuple[str, ...] = ("us", "india")
    mode: str = "swing"
    instrument: str = "equity"


@dataclass(frozen=True, slots=True)
class Limits:
    """How sure a strategy has to be, how many positions it may have open, and at which gain it is satisfied.

    `target` is a fraction of the entry price (0.10 is ten percent).
    """

    least_confidence: int
    max_positions: int
    target: Decimal


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a company, and how its price answered: fractions of the price before, with sign."""

    symbol: str
    kind: str
    session_date: date
    move: float
    normal_move: float = 0.02


@dataclass(frozen=True, slots=True)
class Scene:
    """What strategies see when they are asked for entries at `at`, in the session of `session_date`.

    `features` are those of the symbols that may be bought. `held` names the strategy of every symbol that is held or
    being ordered ("" where nobody knows it). `sessions` are the last dates of the market's sessions, ascending, this
    one included. `events` is None where there is no source of events, which is not the same as no events.
    """

    at: datetime
    session_date: date
    features: Mapping[str, Features]
    held: Mapping[str, str] = field(default_factory=dict)
    sessions: Sequence[date] = ()
    events: Sequence[Event] | None = None

    def candidates(self) -> Iterator[tuple[str, Features]]:
        """Iterate over the symbols that nobody holds or orders, by name."""
        return ((symbol, self.features[symbol]) for symbol in sorted(self.features) if symbol not in self.held)

    def sessions_since(self, day: date) -> int | None:
        """Count the sessions after a date up to this one; nothing where `sessions` does not reach back to it."""
        if not self.sessions or self.sessions[0] > day:
            return None
        return sum(day < one <= self.session_date for one in self.sessions)


@dataclass(frozen=True, slots=True)
class Position:
    """An open long position: whose it is, since when, at which average price, in shares of today."""

    symbol: str
    strategy_id: str
    entry_date: date
    entry_price: Decimal
    confidence: int | None = None

    def holding_days(self, on: date) -> int:
        """Return for how many calendar days it has been held."""
        return (on - self.entry_date).days

    def gain(self, seen: Features) -> Decimal:
        """Return the gain at the last close as a fraction of the entry price, exactly."""
        return Decimal(repr(seen.close)) / self.entry_price - 1


@dataclass(frozen=True, slots=True)
class EntryIntent:
    """A wish to buy. How many is for the risk rules to say; `metadata` is that of the strategy that wishes."""

    symbol: str
    strategy_id: str
    confidence: int
    reason: str
    features: Features
    generated_at: datetime
    metadata: Metadata
    urgency: Urgency = Urgency.NEXT_OPEN


@dataclass(frozen=True, slots=True)
class ExitDecision:
    """A decision to sell the whole position, made on the data of `session_date`."""

    symbol: str
    strategy_id: str
    rule: ExitRule
    reason: str
    urgency: Urgency
    session_date: date
    entry_date: date
    holding_days: int
    confidence: int | None = None


class Strategy(ABC):
    """Buy for one reason and sell when it is gone. Subclasses give who they are, their limits and three answers."""

    metadata: ClassVar[Metadata]
    limits: ClassVar[Limits]

    def entries(self, scene: Scene) -> list[EntryIntent]:
        """Return every symbol that it would buy, surest first and then by name, as if it had slots for all."""
        found = (self._intent(symbol, seen, scene) for symbol, seen in scene.candidates())
        return sorted((one for one in found if one), key=lambda one: (-one.confidence, one.symbol))

    def degraded(self, scene: Scene) -> str:
        """Return why it cannot judge what it sees; nothing where it can."""
        return ""

    @abstractmethod
    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        """Return why to buy the symbol; nothing where there is no reason."""

    @abstractmethod
    def confidence(self, symbol: str, seen: Features, scene: Scene) -> int:
        """Return how sure it is of a symbol that it has a reason to enter, from 1 to 5."""

    @abstractmethod
    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        """Return why to sell beyond what ends every position; it is not asked on the day of entry."""

    def _intent(self, symbol: str, seen: Features, scene: Scene) -> EntryIntent | None:
        reason = self.reason_to_enter(symbol, seen, scene)
        sure = self.confidence(symbol, seen, scene) if reason else 0
        if sure < self.limits.least_confidence:
            return None
        return EntryIntent(symbol, self.metadata.strategy_id, sure, reason, seen, scene.at, self.metadata)
