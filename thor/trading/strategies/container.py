"""Ask every strategy, and give the slots to the best answers."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from thor.errors import BadConfiguration
from thor.trading.features import Features
from thor.trading.strategies.base import EntryIntent, ExitDecision, Position, Scene, Strategy
from thor.trading.strategies.common_exits import decide_exit
from thor.trading.strategies.event_driven import EventDriven
from thor.trading.strategies.mean_reversion import MeanReversion
from thor.trading.strategies.momentum_breakout import MomentumBreakout
from thor.trading.strategies.trend_pullback import TrendPullback
from thor.trading.strategies.volatility_squeeze import VolatilitySqueeze

#: Every strategy, in the order that settles ties.
STRATEGIES: Final[tuple[Callable[[], Strategy], ...]] = (
    TrendPullback,
    MomentumBreakout,
    MeanReversion,
    VolatilitySqueeze,
    EventDriven,
)
#: Positions that all strategies together may have open.
MAX_POSITIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Failure:
    """A strategy raised; with `symbol` it was asked about one position. The error carries its traceback."""

    strategy_id: str
    error: Exception
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A wish to buy that got no slot, and why."""

    intent: EntryIntent
    reason: str


@dataclass(frozen=True, slots=True)
class Entries:
    """What to buy, surest first; what was passed over, who failed, and who could not judge (by id, with the reason)."""

    intents: tuple[EntryIntent, ...]
    passed_over: tuple[PassedOver, ...]
    failures: tuple[Failure, ...]
    degraded: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Exits:
    """What to sell, by strategy in fixed order and then by symbol, and who failed."""

    decisions: tuple[ExitDecision, ...]
    failures: tuple[Failure, ...]


class SwingEquityStrategy:
    """The strategies of the swing desk as one: what the entry and the exit cycle call."""

    def __init__(self, strategies: Iterable[Strategy] | None = None, max_positions: int = MAX_POSITIONS) -> None:
        """Hold the strategies, all five where none are given; the order of the argument settles ties."""
        self.strategies = tuple(build() for build in STRATEGIES) if strategies is None else tuple(strategies)
        self.max_positions = max_positions

    @classmethod
    def of(cls, enabled: Collection[str], max_positions: int = MAX_POSITIONS) -> "SwingEquityStrategy":
        """Return those whose ids are enabled, in the fixed order. Raises `BadConfiguration` for an unknown id."""
        known = {one.metadata.strategy_id: one for one in (build() for build in STRATEGIES)}
        if unknown := sorted(set(enabled) - set(known)):
            raise BadConfiguration(f"there is no strategy {', '.join(unknown)}; there are {', '.join(known)}.")
        return cls([one for name, one in known.items() if name in enabled], max_positions)

    def entries(self, scene: Scene) -> Entries:
        """Return what to buy: no more than there are slots, each symbol once, by the strategy that is surest of it."""
        wishes: list[EntryIntent] = []
        failures: list[Failure] = []
        degraded: dict[str, str] = {}
        for strategy in self.strategies:
            try:
                if reason := strategy.degraded(scene):
                    degraded[strategy.metadata.strategy_id] = reason
                wishes += strategy.entries(scene)
            except Exception as error:
                failures.append(Failure(strategy.metadata.strategy_id, error))
        intents, passed_over = self._with_slots(wishes, scene)
        return Entries(tuple(intents), tuple(passed_over), tuple(failures), degraded)

    def exits(self, positions: Sequence[Position], features: Mapping[str, Features], session_date: date) -> Exits:
        """Return what to sell. The common exits come first, so that a strategy that raises cannot keep them away."""
        decisions: list[ExitDecision] = []
        failures: list[Failure] = []
        for strategy, mine in self._by_strategy(positions):
            for position in mine:
                try:
                    found = decide_exit(position, features.get(position.symbol), session_date, strategy)
                except Exception as error:
                    failures.append(Failure(position.strategy_id, error, position.symbol))
                else:
                    decisions += [found] if found else []
        return Exits(tuple(decisions), tuple(failures))

    def _by_strategy(self, positions: Sequence[Position]) -> list[tuple[Strategy | None, list[Position]]]:
        """Group positions by who opened them; those that none of these strategies has opened come last."""
        ordered = sorted(positions, key=lambda one: (one.symbol, one.entry_date))
        ids = [one.metadata.strategy_id for one in self.strategies]
        groups: list[tuple[Strategy | None, list[Position]]] = [
            (strategy, [one for one in ordered if one.strategy_id == strategy.metadata.strategy_id])
            for strategy in self.strategies
        ]
        return [*groups, (None, [one for one in ordered if one.strategy_id not in ids])]

    def _with_slots(self, wishes: list[EntryIntent], scene: Scene) -> tuple[list[EntryIntent], list[PassedOver]]:
        """Give slots to wishes, the surest first, then by name; sorting is stable, so ties go by strategy."""
        limits = {one.metadata.strategy_id: one.limits.max_positions for one in self.strategies}
        open_by, owner = Counter(scene.held.values()), dict(scene.held)
        taken: list[EntryIntent] = []
        passed: list[PassedOver] = []
        for one in sorted(wishes, key=lambda wish: (-wish.confidence, wish.symbol)):
            if one.symbol in owner:
                passed.append(PassedOver(one, f"{owner[one.symbol]} buys it"))
            elif len(owner) >= self.max_positions:
                passed.append(PassedOver(one, f"all {self.max_positions} positions are taken"))
            elif open_by[one.strategy_id] >= limits[one.strategy_id]:
                passed.append(PassedOver(one, f"its strategy has all {limits[one.strategy_id]} of its positions"))
            else:
                taken.append(one)
                owner[one.symbol] = one.strategy_id
                open_by[one.strategy_id] += 1
        return taken, passed
