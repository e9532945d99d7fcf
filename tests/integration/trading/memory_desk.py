"""A desk at a broker in memory, at ten in the morning of a Tuesday in New York; SPY trades at 100."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from thor.testing.late_broker import LateBroker
from thor.timing import ManualClock
from thor.trading.brokers.port import Kind
from thor.trading.desk import hold
from thor.trading.models import Event, Intent, Order, Position, Purpose
from thor.trading.ordering import plan_order, send_order
from thor.trading.positions import open_position

MORNING = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
CLOSE = datetime(2026, 3, 3, 21, 0, tzinfo=UTC)
RUNS = UUID("5f3c1a52-6a0e-5a51-8b92-4d6f1b3f0c11")


def run_of(number: int) -> UUID:
    """Return the id of a run."""
    return uuid5(RUNS, str(number))


class MemoryDesk:
    """A broker, a clock, and orders of the desk at it."""

    def __init__(self) -> None:
        self.clock = ManualClock(MORNING)
        self.broker = LateBroker(self.clock.now)
        self.broker.quote("SPY", "100")

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def wait(self, **time: float) -> datetime:
        """Let time pass, and return what time it is then."""
        self.clock.set(self.now + timedelta(**time))
        return self.now

    def want(self, purpose: Purpose = Purpose.ENTRY, symbol: str = "SPY", **fields: object) -> Intent:
        """Write an intent down."""
        given: dict[str, object] = {
            "run": run_of(1), "session_date": self.now.date(), "decided_at": self.now, "updated_at": self.now,
            "strategy_id": "trend_pullback_v1", "confidence": 4, "reason": "a test wants it",
        }  # fmt: skip
        return Intent.objects.create(symbol=symbol, purpose=purpose.value, **(given | fields))

    def plan(self, intent: Intent, quantity: str = "10", limit: str = "", run: int = 1) -> Order | None:
        """Plan an order for an intent."""
        with hold():
            return plan_order(
                intent, quantity=Decimal(quantity), kind=Kind.LIMIT if limit else Kind.MARKET, at=self.now,
                run=run_of(run), good_until=CLOSE, limit_price=Decimal(limit) if limit else None,
                risk_amount=Decimal(50),
            )  # fmt: skip

    def send(self, order: Order | None) -> Order:
        """Send a planned order."""
        assert order is not None
        return send_order(order, broker=self.broker, at=self.now)

    def buy(self, quantity: str = "10", limit: str = "", symbol: str = "SPY") -> Order:
        """Want, plan and send a purchase."""
        return self.send(self.plan(self.want(symbol=symbol), quantity, limit))

    def sell(self, quantity: str = "10", limit: str = "", run: int = 2) -> Order:
        """Want, plan and send a sale of SPY."""
        return self.send(self.plan(self.want(Purpose.EXIT, exit_type="SWING_EXIT"), quantity, limit, run))


def held(symbol: str = "SPY") -> Decimal:
    """Return what the journal holds of a symbol."""
    position = open_position(symbol)
    return position.quantity if position else Decimal(0)


def position(symbol: str = "SPY") -> Position:
    """Return the open position of a symbol, which must be there."""
    found = open_position(symbol)
    assert found is not None
    return found


def told() -> list[str]:
    """Return the kinds of all events, in their order."""
    return list(Event.objects.values_list("kind", flat=True))
