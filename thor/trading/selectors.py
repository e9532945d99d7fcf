"""Say how the desk stands: for pages, commands and whoever asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from thor.trading.allowances import Allowance, allowances
from thor.trading.desk import desk
from thor.trading.lastprices import LastPrice, prices_of
from thor.trading.models import (
    Desk,
    Event,
    Intent,
    IntentState,
    Order,
    Position,
    Purpose,
    Reconciliation,
    Refusal,
    Trade,
)
from thor.trading.models.orders import OPEN
from thor.trading.positions import open_positions
from thor.trading.readiness import newest, why_not_enter, why_not_exit
from thor.trading.settings import Limits, limits
from thor.trading.switch import why_not

#: So many of what there may be many of are shown.
LATEST: Final = 20

OBSERVING: Final = "OBSERVATION_ONLY is on"


@dataclass(frozen=True, slots=True)
class Holding:
    """A position, and what it is worth at the last price; nothing of that where there is no fresh one."""

    position: Position
    last: LastPrice | None

    @property
    def gain(self) -> Decimal | None:
        """Return what it has gained so far, in money."""
        if self.last is None:
            return None
        return (self.last.price - self.position.entry_price) * self.position.quantity

    @property
    def gain_percent(self) -> Decimal | None:
        """Return the same in percent of what was paid; nothing where nothing was."""
        paid = self.position.entry_price
        return None if self.last is None or paid <= 0 else (self.last.price / paid - 1) * 100


@dataclass(frozen=True, slots=True)
class DeskView:
    """Everything that is shown of the desk at one instant; a reason is empty where nothing stands in the way."""

    desk: Desk
    reconciliation: Reconciliation | None
    why_not_buy: str
    why_not_sell: str
    allowances: list[Allowance]
    holdings: list[Holding]
    orders: list[Order]
    intents: list[Intent]
    refusals: list[Refusal]
    trades: list[Trade]
    events: list[Event]


def holdings(prices: Mapping[str, LastPrice] | None = None, *, at: datetime) -> list[Holding]:
    """Return what is held, by symbol, at the prices that the feeds have published, or at `prices`."""
    held = open_positions()
    known = prices_of([one.symbol for one in held], at) if prices is None else prices
    return [Holding(one, known.get(one.symbol)) for one in held]


def open_orders() -> list[Order]:
    """Return the orders that are not over, oldest first."""
    return list(Order.objects.filter(state__in=OPEN).order_by("planned_at", "pk"))


def why_not_buy(desk: Desk, rules: Limits, used: Sequence[Allowance], *, at: datetime) -> str:
    """Return the first thing that keeps every entry from being ordered; nothing where one may pass.

    The switch, settings, auto-protection and reconciliation, then what the day allows. The gates judge each purchase
    besides that.
    """
    watches = OBSERVING if rules.observation_only else ""
    refused = next((one.refusal for one in used if one.is_used_up), "")
    return (
        why_not(Purpose.ENTRY, desk)
        or rules.unread
        or watches
        or desk.protected_because
        or why_not_enter(at)
        or refused
    )


def why_not_sell(desk: Desk, rules: Limits, *, at: datetime) -> str:
    """Return what keeps every exit from being ordered; nothing where one may pass."""
    return why_not(Purpose.EXIT, desk) or (OBSERVING if rules.observation_only else "") or why_not_exit(at)


def desk_view(at: datetime, prices: Mapping[str, LastPrice] | None = None) -> DeskView:
    """Return how the desk stands at an instant."""
    wanted = Intent.objects.filter(state__in=[IntentState.PLANNED, IntentState.WORKING])
    now, rules = desk(), limits()
    used = allowances(rules, at=at)
    return DeskView(
        desk=now,
        reconciliation=newest(),
        why_not_buy=why_not_buy(now, rules, used, at=at),
        why_not_sell=why_not_sell(now, rules, at=at),
        allowances=used,
        holdings=holdings(prices, at=at),
        orders=open_orders(),
        intents=list(wanted.order_by("decided_at", "pk")),
        refusals=list(Refusal.objects.all()[:LATEST]),
        trades=list(Trade.objects.order_by("-exit_timestamp", "symbol")[:LATEST]),
        events=list(Event.objects.order_by("-number")[:LATEST]),
    )
