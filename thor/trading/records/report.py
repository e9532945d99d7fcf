"""Gather what a report says: trades of some sessions, what they come to, and the curve of those days."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from thor.errors import ThorError
from thor.trading.models import Trade
from thor.trading.records.equity import Curve, equity_curve
from thor.trading.records.performance import (
    OUTSIDE,
    Fall,
    Month,
    Summary,
    deepest_fall,
    monthly_returns,
    summarize,
    yearly_returns,
)


class NoSuchSpan(ThorError):
    """The first day of a report lies after its last."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says, of the sessions from `first` to `last`, both included; None is without a limit."""

    first: date | None
    last: date | None
    made_at: datetime
    trades: tuple[Trade, ...]
    summary: Summary
    curve: Curve
    fall: Fall | None
    months: dict[Month, Decimal | None]
    years: dict[int, Decimal | None]

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to show."""
        return not self.trades and not self.curve.points

    @property
    def outside(self) -> int:
        """Return how many trades were closed outside of Thor, at a price that nobody knows."""
        return sum(trade.exit_type == OUTSIDE for trade in self.trades)


def gather_report(*, first: date | None, last: date | None, capital: Decimal, at: datetime) -> Report:
    """Return the report; raise `NoSuchSpan` where it would begin after its end.

    `capital` is what the account began with: the base of the curve where the broker has not been asked.
    """
    if first and last and first > last:
        raise NoSuchSpan(f"the first day, {first}, is after the last, {last}; exchange them.")
    trades = Trade.objects.order_by("exit_timestamp", "symbol")
    trades = trades.filter(session_date__gte=first) if first else trades
    trades = trades.filter(session_date__lte=last) if last else trades
    found = tuple(trades)
    curve = equity_curve(first=first, last=last, capital=capital)
    return Report(
        first=first,
        last=last,
        made_at=at,
        trades=found,
        summary=summarize(found),
        curve=curve,
        fall=deepest_fall(curve.points),
        months=monthly_returns(curve.points),
        years=yearly_returns(curve.points),
    )
