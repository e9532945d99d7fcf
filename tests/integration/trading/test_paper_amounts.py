"""How much the embedded broker fills, and what it books."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.integration.trading.daily_days import split
from tests.integration.trading.paper_desk import Desk, local
from thor.env import env
from thor.marketdata.models import DailyBar, Instrument
from thor.trading.brokers.paper.volume import average_daily_volume
from thor.trading.brokers.port import (
    Standing,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    found = Desk()
    found.quote("100")
    return found


def test_a_round_trip_costs_the_spread_and_five_basis_points_each_way(desk: Desk) -> None:
    desk.quote("100", bid="99.9", ask="100.1")

    desk.buy("100")
    desk.sell("100")

    # 100 * (99.9 * 0.9995 - 100.1 * 1.0005), prices rounded to four places against the account
    assert [fill.price for fill in desk.broker.fills(local("2026-03-03T00:00"))] == [
        Decimal("100.1501"),
        Decimal("99.8500"),
    ]
    assert desk.broker.account().cash == Decimal("100000") - Decimal("30.01")


def test_all_orders_of_a_symbol_take_at_most_five_per_cent_of_its_average_volume_in_a_session(desk: Desk) -> None:
    desk.volumes["SPY"] = Decimal(1_000)
    desk.quote("100", ask_size="3", bid_size="3")  # sizes do not matter where volumes are known
    desk.buy("40", name="first")
    desk.buy("40", name="second")
    desk.at("2026-03-03T15:00")

    first, second = desk.order("first"), desk.order("second")
    assert (first.standing, first.filled_quantity) == (Standing.FILLED, 40)
    assert (second.standing, second.filled_quantity) == (Standing.PARTIAL, 10)
    desk.at("2026-03-03T16:00")
    assert (desk.order("second").standing, desk.order("second").filled_quantity) == (Standing.EXPIRED, 10)

    desk.at("2026-03-04T10:00")
    desk.buy("50", name="third")
    assert desk.order("third").standing is Standing.FILLED


def test_a_quoted_size_is_taken_once_a_side_where_no_volumes_are_known(desk: Desk) -> None:
    desk.quote("100", ask_size="6", bid_size="4")
    desk.buy("5", name="first")
    desk.buy("5", name="second")
    assert desk.order("second").filled_quantity == 1
    desk.sell("6", name="sale")
    assert desk.order("sale").filled_quantity == 4

    for _ in range(3):
        desk.broker.settle(at=desk.clock.now())
    assert desk.order("second").filled_quantity == 1

    desk.clock.advance(timedelta(seconds=1))
    desk.quote("100", ask_size="6", bid_size="4")
    assert (desk.order("second").standing, desk.order("sale").standing) == (Standing.FILLED, Standing.FILLED)


def test_whole_units_are_filled_where_whole_units_are_ordered(desk: Desk) -> None:
    desk.volumes["SPY"] = Decimal(70)  # 5 % are 3.5

    desk.buy("10")

    assert desk.order().filled_quantity == 3


def test_a_purchase_that_became_dearer_than_all_cash_is_filled_as_far_as_it_goes(desk: Desk) -> None:
    desk.at("2026-03-03T08:00")
    desk.buy("900")

    desk.at("2026-03-03T09:30", last="120")

    found = desk.order()
    assert (found.standing, found.filled_quantity) == (Standing.CANCELLED, 832)  # 100,000 / (120 * 1.0005)
    assert "buying power" in found.reason
    assert 0 <= desk.broker.account().cash < 121


def test_the_equity_of_the_last_close_is_kept_until_the_next(desk: Desk) -> None:
    desk.buy("100")
    assert desk.broker.account().last_equity == 100_000
    bought = desk.broker.account().cash

    desk.at("2026-03-03T16:00", last="110")
    assert desk.broker.account().last_equity == bought + 100 * 110
    desk.at("2026-03-04T15:00", last="120")

    found = desk.broker.account()
    assert (found.equity, found.last_equity) == (bought + 100 * 120, bought + 100 * 110)


def test_day_trades_are_counted_over_five_sessions(desk: Desk) -> None:
    for day in ("2026-03-03", "2026-03-04"):
        desk.at(f"{day}T10:00")
        desk.buy(name=f"{day} in")
        desk.sell(name=f"{day} out")
    desk.buy(name="kept")
    desk.at("2026-03-05T10:00")
    desk.sell(name="sold a day later")

    assert desk.broker.account().day_trades == 2
    desk.at("2026-03-09T15:00")  # the fifth session since the first
    assert desk.broker.account().day_trades == 2
    desk.at("2026-03-10T09:30")
    assert desk.broker.account().day_trades == 1


def test_the_average_volume_is_that_of_the_twenty_days_before() -> None:
    spy = Instrument.objects.get_or_create(symbol="SPY", defaults={"venue": "us_equities", "kind": "equity"})[0]
    day = date(2026, 3, 3)
    for age in range(25):
        figures = dict.fromkeys(("open", "high", "low", "close"), Decimal(1))
        volume = 100 if age == 0 else 10 if age <= 20 else 1_000
        DailyBar.objects.create(
            instrument=spy, date=day - timedelta(days=age), **figures, volume=volume, origin=DailyBar.Origin.IMPORTED
        )

    assert average_daily_volume("SPY", day) == 10
    assert average_daily_volume("SPY", day + timedelta(days=365)) is None
    assert average_daily_volume("NOSUCH", day) is None


def test_volumes_of_before_a_split_are_counted_in_new_shares() -> None:
    spy = Instrument.objects.get_or_create(symbol="SPY", defaults={"venue": "us_equities", "kind": "equity"})[0]
    days = [date(2026, 2, 26), date(2026, 2, 27), date(2026, 3, 2)]
    figures = dict.fromkeys(("open", "high", "low", "close"), Decimal(1))
    for day, volume in zip(days, (100, 100, 400), strict=True):
        DailyBar.objects.create(instrument=spy, date=day, **figures, volume=volume, origin="imported")
    split("SPY", date(2026, 3, 2), "4")
    split("SPY", date(2026, 3, 3), "0.5")
    split("SPY", date(2026, 3, 4), "7")

    assert average_daily_volume("SPY", date(2026, 3, 2)) == 400
    assert average_daily_volume("SPY", date(2026, 3, 3)) == 200


def test_days_that_were_made_up_are_no_volume_once_prices_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    day = date(2026, 3, 3)
    spy = Instrument.objects.get_or_create(symbol="SPY", defaults={"venue": "us_equities", "kind": "equity"})[0]
    figures = dict.fromkeys(("open", "high", "low", "close"), Decimal(1))
    for age, origin in ((1, "imported"), (2, "simulated")):
        DailyBar.objects.create(
            instrument=spy, date=day - timedelta(days=age), **figures, volume=age * 100, origin=origin
        )

    for feed, volume in (("simulated", 150), ("us_equities=alpaca", 100)):
        settings = env().model_copy(update={"feed": feed})
        monkeypatch.setattr("thor.trading.real_venues.env", lambda settings=settings: settings)
        assert average_daily_volume("SPY", day) == volume
