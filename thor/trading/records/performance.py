"""Compute what trades and an equity curve come to; pure, in Decimals.

A *curve* is points in order of days, the first of which is the base: what there was before anything was earned.
Percentages are percent. What cannot be said (a ratio to nothing) is None, never zero.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Protocol, TypeVar

NOTHING: Final = Decimal(0)
HUNDRED: Final = Decimal(100)
#: How a trade ended that somebody else closed: its exit price is not known.
OUTSIDE: Final = "EXTERNAL_CLOSE"

#: Year and month.
Month = tuple[int, int]
Part = TypeVar("Part", Month, int)


@dataclass(frozen=True, slots=True)
class Point:
    """What the account was worth at the end of a day."""

    day: date
    equity: Decimal


class Ended(Protocol):
    """Describe what is read of a finished trade: how it ended, what it brought after fees, how many days it ran."""

    @property
    def exit_type(self) -> str: ...
    @property
    def net_pnl(self) -> Decimal: ...
    @property
    def net_pnl_pct(self) -> Decimal: ...
    @property
    def holding_days(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What trades come to.

    A winner has brought more than nothing after fees, a loser cost something; a trade that was closed outside is
    neither, since nobody knows its price. `win_rate` is the winners' percentage of all trades. `profit_factor` is what
    winners brought over what losers cost, None where nothing was lost. `expectancy` is the mean of what a trade
    brought, `expectancy_pct` the mean of its percentages.
    """

    trades: int
    winners: int
    losers: int
    net: Decimal
    win_rate: Decimal | None
    profit_factor: Decimal | None
    expectancy: Decimal | None
    expectancy_pct: Decimal | None
    holding_days: Decimal | None


@dataclass(frozen=True, slots=True)
class Fall:
    """The deepest fall of a curve from its highest point so far: `percent` (zero or below), from when to when."""

    percent: Decimal
    peak: date
    trough: date


def summarize(trades: Sequence[Ended]) -> Summary:
    """Return what trades come to."""
    count = len(trades)
    known = [trade.net_pnl for trade in trades if trade.exit_type != OUTSIDE]
    won = [brought for brought in known if brought > 0]
    lost = [brought for brought in known if brought < 0]
    net = sum((trade.net_pnl for trade in trades), NOTHING)
    return Summary(
        trades=count,
        winners=len(won),
        losers=len(lost),
        net=net,
        win_rate=_over(HUNDRED * len(won), count),
        profit_factor=_over(sum(won, NOTHING), -sum(lost, NOTHING)),
        expectancy=_over(net, count),
        expectancy_pct=_over(sum((trade.net_pnl_pct for trade in trades), NOTHING), count),
        holding_days=_over(Decimal(sum(trade.holding_days for trade in trades)), count),
    )


def drawdowns(curve: Iterable[Point]) -> list[Decimal]:
    """Return for each point how far it is below the highest so far, in percent: zero or below."""
    found, peak = [], NOTHING
    for point in curve:
        peak = max(peak, point.equity)
        found.append(HUNDRED * (point.equity - peak) / peak if peak > 0 else NOTHING)
    return found


def deepest_fall(curve: Sequence[Point]) -> Fall | None:
    """Return the deepest fall, the earliest of equal ones; None where the curve never fell."""
    depths = drawdowns(curve)
    if not depths or min(depths) == 0:
        return None
    low = depths.index(min(depths))
    peak = max(range(low), key=lambda index: curve[index].equity)
    return Fall(depths[low], curve[peak].day, curve[low].day)


def monthly_returns(curve: Sequence[Point]) -> dict[Month, Decimal | None]:
    """Return the percentage by which the last point of each month differs from the last one before that month.

    A month without a point of its own (the base is none) is not there; the next one spans both.
    """
    return _returns(curve, lambda day: (day.year, day.month))


def yearly_returns(curve: Sequence[Point]) -> dict[int, Decimal | None]:
    """Return the percentage by which the last point of each year differs from the last one before that year."""
    return _returns(curve, lambda day: day.year)


def _returns(curve: Sequence[Point], part: Callable[[date], Part]) -> dict[Part, Decimal | None]:
    ends = {part(point.day): point.equity for point in curve[1:]}
    found: dict[Part, Decimal | None] = {}
    before = curve[0].equity if curve else NOTHING
    for key, equity in ends.items():
        found[key] = HUNDRED * (equity - before) / before if before > 0 else None
        before = equity
    return found


def _over(part: Decimal, whole: Decimal | int) -> Decimal | None:
    return part / whole if whole else None
