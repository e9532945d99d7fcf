"""What trades and curves come to, beside the same figures from pandas."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.trading.records.performance import (
    Fall,
    Point,
    deepest_fall,
    drawdowns,
    monthly_returns,
    summarize,
    yearly_returns,
)


@dataclass
class Ended:
    net_pnl: Decimal
    net_pnl_pct: Decimal
    holding_days: int
    exit_type: str = "SWING_EXIT"


def curve(*equities: int | str, start: dt.date = dt.date(2025, 11, 28), step: int = 9) -> list[Point]:
    return [Point(start + dt.timedelta(days=index * step), Decimal(worth)) for index, worth in enumerate(equities)]


def test_a_summary_by_hand() -> None:
    trades = [
        Ended(Decimal(300), Decimal(6), 4),
        Ended(Decimal(-100), Decimal(-2), 2),
        Ended(Decimal(0), Decimal(0), 20),
        Ended(Decimal(-50), Decimal("-1.5"), 3),
    ]

    found = summarize(trades)

    assert (found.trades, found.winners, found.losers, found.net) == (4, 1, 2, 150)
    assert (found.win_rate, found.profit_factor) == (25, 2)
    assert (found.expectancy, found.expectancy_pct) == (Decimal("37.5"), Decimal("0.625"))
    assert found.holding_days == Decimal("7.25")


def test_what_was_closed_outside_is_neither_won_nor_lost_and_counts_for_what_is_known_of_it() -> None:
    trades = [
        Ended(Decimal(300), Decimal(6), 4),
        Ended(Decimal(-100), Decimal(-2), 2),
        Ended(Decimal(40), Decimal(1), 3, "EXTERNAL_CLOSE"),
        Ended(Decimal(-20), Decimal(-1), 3, "EXTERNAL_CLOSE"),
    ]

    found = summarize(trades)

    assert (found.trades, found.winners, found.losers, found.net) == (4, 1, 1, 220)
    assert (found.win_rate, found.profit_factor, found.expectancy) == (25, 3, 55)


def test_without_trades_nothing_is_said_rather_than_zero() -> None:
    found = summarize([])

    assert (found.trades, found.net) == (0, 0)
    assert (found.win_rate, found.profit_factor, found.expectancy, found.holding_days) == (None, None, None, None)


def test_without_a_loss_there_is_no_profit_factor() -> None:
    assert summarize([Ended(Decimal(5), Decimal(1), 1)]).profit_factor is None
    assert summarize([Ended(Decimal(-5), Decimal(-1), 1)]).profit_factor == 0


def test_the_deepest_fall_is_from_the_highest_point_before_it() -> None:
    points = curve(100, 120, 90, 130, 104, 110)

    assert deepest_fall(points) == Fall(Decimal(-25), points[1].day, points[2].day)


def test_a_curve_that_never_falls_has_no_fall() -> None:
    assert deepest_fall(curve(100, 100, 101)) is None
    assert deepest_fall([]) is None


def test_the_base_counts_for_no_month() -> None:
    points = [
        Point(dt.date(2025, 12, 31), Decimal(100)),
        Point(dt.date(2026, 1, 2), Decimal(110)),
        Point(dt.date(2026, 1, 30), Decimal(105)),
        Point(dt.date(2026, 3, 2), Decimal(84)),
    ]

    assert monthly_returns(points) == {(2026, 1): Decimal(5), (2026, 3): Decimal(-20)}
    assert yearly_returns(points) == {2026: Decimal(-16)}


def test_there_is_no_return_on_nothing() -> None:
    assert monthly_returns([Point(dt.date(2026, 1, 1), Decimal(0)), Point(dt.date(2026, 1, 2), Decimal(5))]) == {
        (2026, 1): None
    }


@given(st.lists(st.integers(1_000, 200_000), min_size=2, max_size=80), st.integers(1, 20))
def test_curves_agree_with_pandas(equities: list[int], step: int) -> None:
    points = curve(*equities, step=step)
    series = pd.Series(map(float, equities), pd.DatetimeIndex([point.day for point in points]))

    depths = (series / series.cummax() - 1) * 100
    assert [float(depth) for depth in drawdowns(points)] == pytest.approx(list(depths))
    fall = deepest_fall(points)
    assert float(fall.percent if fall else 0) == pytest.approx(depths.min())
    steps = series.pct_change().dropna() + 1
    for frequency, found in (("M", monthly_returns(points)), ("Y", yearly_returns(points))):
        compounded = (steps.groupby(steps.index.to_period(frequency)).prod() - 1) * 100
        assert [float(figure) for figure in found.values() if figure is not None] == pytest.approx(
            list(compounded), abs=1e-9
        )


@given(
    st.lists(
        st.tuples(st.decimals(-5000, 5000, places=4), st.decimals(-99, 99, places=4), st.integers(0, 30)),
        min_size=1,
        max_size=60,
    )
)
def test_summaries_agree_with_pandas(rows: list[tuple[Decimal, Decimal, int]]) -> None:
    found = summarize([Ended(*row) for row in rows])

    table = pd.DataFrame([[float(cell) for cell in row] for row in rows], columns=["net", "pct", "days"])
    gains, losses = table.net.clip(lower=0).sum(), -table.net.clip(upper=0).sum()
    assert found.win_rate is not None
    assert float(found.win_rate) == pytest.approx((table.net > 0).mean() * 100)
    assert float(found.expectancy or 0) == pytest.approx(table.net.mean(), abs=1e-6)
    assert float(found.expectancy_pct or 0) == pytest.approx(table.pct.mean(), abs=1e-6)
    assert float(found.holding_days or 0) == pytest.approx(table.days.mean())
    if losses:
        assert found.profit_factor is not None
        assert float(found.profit_factor) == pytest.approx(gains / losses)
    else:
        assert found.profit_factor is None
