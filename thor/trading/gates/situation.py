"""Say what the gates are told: the wish to buy, what is held of its symbol, and how the desk stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from thor.trading.gates.verdicts import Approved


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish to buy at a price; `risk_score` is the model's probability of a bad trade, nothing without a model."""

    symbol: str
    confidence: int
    price: Decimal
    strategy_id: str = ""
    features: Mapping[str, float] = field(default_factory=dict)
    risk_score: float | None = None
    average_daily_volume: Decimal | None = None
    is_feed_silent: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of the symbol already: its value now, what it may lose by plan, what was bought when and at what.

    `last_bought_on` is the session of `last_bought_at`.
    """

    value: Decimal | None
    risk_amount: Decimal
    average_price: Decimal | None
    entries: int
    last_bought_at: datetime | None
    last_bought_on: date | None = None
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """How the desk stands at `at`, in a session; money in the account's currency.

    `not_ready_because` is empty where reconciliation says READY. `exposure` is the value of all positions and of the
    purchases on their way, `held` what there is by symbol. `entries_today` counts what was ordered in this session.
    """

    at: datetime
    equity: Decimal
    last_equity: Decimal
    cash: Decimal
    buying_power: Decimal
    exposure: Decimal = Decimal(0)
    not_ready_because: str = ""
    protected_because: str = ""
    held: Mapping[str, Held] = field(default_factory=dict)
    pending: frozenset[str] = frozenset()
    session_date: date | None = None
    consecutive_losses: int = 0
    entries_today: int = 0

    def with_purchase(self, wish: Wish, approved: Approved) -> "Situation":
        """Return how the desk stands once a purchase is on its way: what the next wish of the same cycle is told."""
        cost = approved.quantity * wish.price
        return replace(
            self,
            cash=self.cash - cost,
            buying_power=self.buying_power - cost,
            exposure=self.exposure + cost,
            pending=self.pending | {wish.symbol},
            entries_today=self.entries_today + 1,
        )
