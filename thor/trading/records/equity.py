"""Draw up the equity curve: what reconciliation found the account to be worth, or else the capital and the trades."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from thor.trading.books import books_since
from thor.trading.hours import day_of
from thor.trading.models import Reconciliation, Trade
from thor.trading.records.days import NEXT, midnight
from thor.trading.records.performance import NOTHING, Point


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in order of days, the first of which is the base, and whether the broker said what they are worth."""

    points: tuple[Point, ...]
    is_of_broker: bool


def equity_curve(*, first: date | None, last: date | None, capital: Decimal) -> Curve:
    """Return the curve of the days from `first` to `last`, both included; without points where nothing is known.

    The broker's word counts where there are two days of it, so that there is a difference. Otherwise it is `capital`
    and what each trade brought on the session in which it ended: then positions that are held count for nothing.

    Without `first`, or with one of this account's own time, another account counts for nothing (`thor.trading.books`).
    """
    begun = _begun(first)
    found = _by_broker(first, last, begun)
    return Curve(found, True) if len(found) > 1 else Curve(_by_trades(first, last, capital, begun), False)


def _begun(first: date | None) -> datetime | None:
    """Return since when what is asked for is of the account of now; nothing where an older one is asked for as well."""
    since = books_since()
    return since if since is not None and (first is None or first >= day_of(since)) else None


def _by_broker(first: date | None, last: date | None, begun: datetime | None) -> tuple[Point, ...]:
    """Return the last equity of each day on the market's calendar; the base is that of the day before `first`."""
    rows = Reconciliation.objects.filter(equity__isnull=False).order_by("at", "pk")
    rows = rows.filter(at__gte=begun) if begun else rows
    wanted = rows.filter(at__gte=midnight(first)) if first else rows
    wanted = wanted.filter(at__lt=midnight(last + NEXT)) if last else wanted
    ends = {day_of(at): equity for at, equity in wanted.values_list("at", "equity")}
    points = tuple(Point(day, equity) for day, equity in ends.items() if equity is not None)
    before = rows.filter(at__lt=midnight(first)).last() if first else None
    if before is None or before.equity is None or not points:
        return points
    return (Point(day_of(before.at), before.equity), *points)


def _by_trades(first: date | None, last: date | None, capital: Decimal, begun: datetime | None) -> tuple[Point, ...]:
    """Return the capital as the base, and after it each session in which a trade ended."""
    of_account = Trade.objects.filter(exit_timestamp__gt=begun) if begun else Trade.objects.all()
    trades = list(of_account.order_by("session_date", "exit_timestamp", "symbol"))
    before = [trade for trade in trades if first and trade.session_date < first]
    wanted = [trade for trade in trades[len(before) :] if last is None or trade.session_date <= last]
    if not wanted:
        return ()
    equity = capital + sum((trade.net_pnl for trade in before), NOTHING)
    ends: dict[date, Decimal] = {_day_before(wanted): equity}
    for trade in wanted:
        equity += trade.net_pnl
        ends[trade.session_date] = equity
    return tuple(Point(day, worth) for day, worth in ends.items())


def _day_before(trades: Sequence[Trade]) -> date:
    return trades[0].session_date - NEXT
